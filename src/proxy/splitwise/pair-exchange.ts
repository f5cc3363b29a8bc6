/**
 * One request sent to a prefill and a decode instance at once. The client gets what decode answers. Prefill is read quietly to its end;
 * only if it fails before decode's first byte does it matter: decode waits for a KV cache that never comes then, and is cancelled.
 */
import type { Instance } from "../../fleet/instance.ts";
import type { UpstreamClient } from "../../upstream/client.ts";
import type { AnswerListener, Exchange } from "../../upstream/exchange.ts";
import type { UpstreamFailure } from "../../upstream/failure.ts";
import { hostField } from "../../upstream/origin.ts";
import type { ResponseHead } from "../../upstream/response-head.ts";
import type { ClientWatcher, Downstream } from "../downstream.ts";
import { originOf } from "../forward.ts";
import { requestHead } from "../headers.ts";
import { PendingAnswer, type Answer } from "./pending-answer.ts";

export type Leg = "prefill" | "decode";

export type PairResult =
  /** `leg` is prefill when it refused the request (status 400 or above) before decode's first byte. */
  | { readonly kind: "answered"; readonly leg: Leg; readonly answer: Answer }
  | { readonly kind: "failed"; readonly leg: Leg; readonly failure: UpstreamFailure }
  | { readonly kind: "client-gone" };

export interface PairRequest {
  readonly prefill: Instance;
  readonly decode: Instance;
  readonly path: string;
  readonly body: Buffer;
}

/** How the prefill leg goes on. */
export interface PrefillWatch {
  /** First part of a streamed answer: the prompt is computed. */
  firstPart(): void;
  /** Once, unless the pair is aborted or prefill's answer goes to the client. */
  ended(failure: UpstreamFailure | null): void;
}

export class PairExchange implements ClientWatcher {
  readonly #watch: PrefillWatch;
  readonly #exchanges = new Map<Leg, Exchange>();
  readonly #result = Promise.withResolvers<PairResult>();
  #decided = false;

  constructor(watch: PrefillWatch) {
    this.#watch = watch;
  }

  /** Resolves with the first thing that decides for the client. Never rejects. */
  send(upstream: UpstreamClient, client: Downstream, request: PairRequest): Promise<PairResult> {
    client.watcher = this;
    const listeners = { prefill: this.#prefillListener(), decode: this.#decodeListener() };
    for (const leg of ["prefill", "decode"] as const) {
      const origin = originOf(request[leg]);
      const head = requestHead(client, request.path, hostField(origin), request.body.length);
      this.#exchanges.set(leg, upstream.send({ origin, head, body: request.body }, listeners[leg]));
    }
    return this.#result.promise;
  }

  left(): void {
    this.abort();
    this.#decide({ kind: "client-gone" });
  }

  /** Nothing is sent to the client here. */
  drained(): void {}

  /** Cancels both legs, so that both engines stop. */
  abort(): void {
    this.#cancel("prefill");
    this.#cancel("decode");
  }

  /** Decode's head may come long before its first byte; until then prefill's failure still counts. */
  #decodeListener(): AnswerListener {
    let answer: Answer | null = null;
    const pending = new PendingAnswer(
      (head) => {
        answer = this.#answerOf("decode", head, pending);
      },
      (failure) => this.#fail("decode", failure),
    );
    const began = (): void => {
      if (answer !== null) this.#decide({ kind: "answered", leg: "decode", answer });
    };
    return {
      onHead: (head) => pending.onHead(head),
      onData: (bytes, start, end) => {
        pending.onData(bytes, start, end);
        began();
      },
      onReadEnd: () => pending.onReadEnd(),
      onEnd: () => {
        pending.onEnd();
        began();
      },
      onFailure: (failure) => {
        pending.onFailure(failure);
        this.#fail("decode", failure);
      },
    };
  }

  #prefillListener(): AnswerListener {
    const pending = new PendingAnswer(
      (head) => this.#prefillAnswered(head, pending),
      (failure) => this.#fail("prefill", failure),
    );
    return pending;
  }

  #prefillAnswered(head: ResponseHead, pending: PendingAnswer): void {
    if (head.status >= 400 && !this.#decided) {
      this.#cancel("decode");
      this.#decide({ kind: "answered", leg: "prefill", answer: this.#answerOf("prefill", head, pending) });
      return;
    }
    let awaitsFirst = head.mediaType === "text/event-stream";
    pending.listen({
      onData: () => {
        if (awaitsFirst) this.#watch.firstPart();
        awaitsFirst = false;
      },
      onReadEnd: () => undefined,
      onEnd: () => this.#watch.ended(null),
      onFailure: (failure) => this.#fail("prefill", failure),
    });
  }

  #fail(leg: Leg, failure: UpstreamFailure): void {
    if (leg === "prefill") this.#watch.ended(failure);
    if (this.#decided) return;
    this.#cancel(leg === "prefill" ? "decode" : "prefill");
    this.#decide({ kind: "failed", leg, failure });
  }

  #decide(result: PairResult): void {
    this.#decided = true;
    this.#result.resolve(result);
  }

  #cancel(leg: Leg): void {
    this.#exchanges.get(leg)?.abort();
  }

  #answerOf(leg: Leg, head: ResponseHead, pending: PendingAnswer): Answer {
    const exchange = this.#exchanges.get(leg);
    // Answers come from later turns of the event loop than the one that sent.
    if (exchange === undefined) throw new Error(`an answer of ${leg} came before its exchange began`);
    return { head, exchange, listen: (listener) => pending.listen(listener) };
  }
}
