/** The only file that knows how bytes reach an instance: origin, request head, exchange, and that a client who leaves ends it. */
import type { Instance } from "../fleet/instance.ts";
import type { UpstreamClient } from "../upstream/client.ts";
import type { UpstreamFailure } from "../upstream/failure.ts";
import { hostField, type Origin } from "../upstream/origin.ts";
import type { Downstream } from "./downstream.ts";
import { requestHead } from "./headers.ts";
import { PendingAnswer, type Answer } from "./pending-answer.ts";

export type ForwardResult =
  | { readonly kind: "answered"; readonly answer: Answer }
  | { readonly kind: "failed"; readonly failure: UpstreamFailure }
  /** The client left first; the exchange is aborted. */
  | { readonly kind: "client-gone" };

export interface Forwarding {
  readonly instance: Instance;
  /** Path on the instance; the query is not passed on. */
  readonly path: string;
  readonly body: Buffer;
}

/** Sends the client's request to an instance; resolves with the head of the answer. Never rejects. */
export function forward(upstream: UpstreamClient, client: Downstream, forwarding: Forwarding): Promise<ForwardResult> {
  if (client.gone) return Promise.resolve({ kind: "client-gone" });
  const { instance, path, body } = forwarding;
  const origin = originOf(instance);
  return new Promise((resolve) => {
    const pending = new PendingAnswer(
      (head) =>
        resolve({ kind: "answered", answer: { head, exchange, listen: (listener) => pending.listen(listener) } }),
      (failure) => resolve({ kind: "failed", failure }),
    );
    const head = requestHead(client, path, hostField(origin), body.length);
    const exchange = upstream.send({ origin, head, body }, pending);
    client.onGone = () => {
      exchange.abort();
      resolve({ kind: "client-gone" });
    };
  });
}

export function originOf(instance: Instance): Origin {
  return { url: instance.id, host: instance.host, port: instance.port, tls: instance.scheme === "https" };
}
