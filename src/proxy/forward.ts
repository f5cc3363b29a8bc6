/** The only file that knows how bytes reach an instance: origin, request head, exchange. */
import type { Instance } from "../fleet/instance.ts";
import type { UpstreamClient } from "../upstream/client.ts";
import type { AnswerListener, Exchange } from "../upstream/exchange.ts";
import { hostField, type Origin } from "../upstream/origin.ts";
import type { Downstream } from "./downstream.ts";
import { requestHead } from "./headers.ts";

export interface Forwarding {
  readonly instance: Instance;
  /** Path on the instance; the query is not passed on. */
  readonly path: string;
  readonly body: Buffer;
}

/** Sends the client's request to an instance. */
export function forward(
  upstream: UpstreamClient,
  client: Downstream,
  { instance, path, body }: Forwarding,
  listener: AnswerListener,
): Exchange {
  const origin = originOf(instance);
  return upstream.send({ origin, head: requestHead(client, path, hostField(origin), body.length), body }, listener);
}

export function originOf(instance: Instance): Origin {
  return { url: instance.id, host: instance.host, port: instance.port, tls: instance.scheme === "https" };
}
