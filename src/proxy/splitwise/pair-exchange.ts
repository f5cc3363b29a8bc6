/**
 * One request sent to a prefill and a decode instance at once. The client gets what decode answers. Prefill is read quietly to its end;
 * only if it fails before decode has answered does it matter: decode would wait for a KV cache that never comes, so it is cancelled.
 */
import type { UpstreamFailure } from "../../upstream/failure.ts";
import type { Exchange } from "../../upstream/exchange.ts";
import type { UpstreamClient } from "../../upstream/client.ts";
import { hostField } from "../../upstream/origin.ts";
import type { Instance } from "../../fleet/instance.ts";
import type { Downstream } from "../downstream.ts";
import { originOf } from "../forward.ts";
import { requestHead } from "../headers.ts";
import { PendingAnswer, type Answer, type AnswerBodyListener } from "../pending-answer.ts";

export type Leg = "prefill" | "decode";

export type PairResult =
  /** `leg` is prefill when it refused the request (status 400 or above) before decode answered. */
  | { readonly kind: "answered"; readonly leg: Leg; readonly answer: Answer }
  | { readonly kind: "failed"; readonly leg: Leg; readonly failure: UpstreamFailure }
  | { readonly kind: "client-gone" };

/** How the prefill leg goes on: told in this order, `ended` exactly once unless the pair is aborted. */
export interface PrefillWatch {
  /** First part of a streamed answer: the prompt is computed. */
  firstPart(): void;
  ended(failure: UpstreamFailure | null): void;
}

export interface Pair {
  readonly prefill: Instance;
  readonly decode: Instance;
}

export class PairExchange {
  readonly #watch: PrefillWatch;
  readonly #exchanges = new Map<Leg, Exchange>();
  readonly #result = Promise.withResolvers<PairResult>();
  #answered = false;

  constructor(watch: PrefillWatch) {
    this.#watch = watch;
  }

  /** Resolves with the first thing that decides for the client. Never rejects. */
  send(upstream: UpstreamClient, client: Downstream, { path, body, pair }: { path: string; body: Uint8Array; pair: Pair }): Promise<PairResult> {
    client.onGone = () => {
      this.abort();
      this.#result.resolve({ kind: "client-gone" });
    };
    for (const leg of ["prefill", "decode"] as const) {
      const origin = originOf(pair[leg]);
      const head = requestHead(client, path, hostField(origin), body.length);
      const pending = new PendingAnswer(
        (answerHead) => {
          const exchange = this.#exchanges.get(leg);
          if (exchange === undefined) throw new Error("an answer came before its exchange began");
          this.#answer(leg, { head: answerHead, exchange, listen: (listener) => pending.listen(listener) });
        },
        (failure) => this.#fail(leg, failure),
      );
      this.#exchanges.set(leg, upstream.send({ origin, head, body }, pending));
    }
    return this.#result.promise;
  }

  /** Cancels both legs, so that both engines stop. */
  abort(): void {
    for (const exchange of this.#exchanges.values()) exchange.abort();
  }

  #answer(leg: Leg, answer: Answer): void {
    if (leg === "decode") {
      this.#answered = true;
      this.#result.resolve({ kind: "answered", leg, answer });
    } else if (answer.head.status >= 400 && !this.#answered) {
      this.#answered = true;
      this.#exchanges.get("decode")?.abort();
      this.#result.resolve({ kind: "answered", leg, answer });
    } else {
      answer.listen(drain(answer, this.#watch));
    }
  }

  #fail(leg: Leg, failure: UpstreamFailure): void {
    if (leg === "prefill") this.#watch.ended(failure);
    if (this.#answered) return;
    this.#answered = true;
    this.#exchanges.get(leg === "prefill" ? "decode" : "prefill")?.abort();
    this.#result.resolve({ kind: "failed", leg, failure });
  }
}

/** Reads prefill's answer to its end and keeps nothing of it. */
function drain(answer: Answer, watch: PrefillWatch): AnswerBodyListener {
  let isFirst = answer.head.mediaType === "text/event-stream";
  return {
    onData: () => {
      if (isFirst) watch.firstPart();
      isFirst = false;
    },
    onReadEnd: () => undefined,
    onEnd: () => watch.ended(null),
    onFailure: (failure) => watch.ended(failure),
  };
}
