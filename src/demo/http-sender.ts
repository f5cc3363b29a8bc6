/** Sends the replay's requests through the router's own HTTP client. Made by demo.ts, one a replay. */
import { UpstreamClient } from "../upstream/client.ts";
import { describeFailure } from "../upstream/failure.ts";
import { hostField, type Origin } from "../upstream/origin.ts";
import type { AnswerSink } from "./answer-watch.ts";

const INSTANCE_HEADER = "x-router-instance";

export class HttpSender {
  readonly #client: UpstreamClient;
  readonly #origin: Origin;

  /** `timeoutMs`: a request that is not through by then has failed. */
  constructor(routerUrl: string, timeoutMs: number) {
    this.#origin = originOf(new URL(routerUrl));
    this.#client = new UpstreamClient({
      maxIdleConnections: 0,
      keepAliveMs: 1,
      connectTimeoutMs: timeoutMs,
      firstByteTimeoutMs: timeoutMs,
      idleTimeoutMs: timeoutMs,
      totalTimeoutMs: timeoutMs,
    });
  }

  send(body: Uint8Array, sink: AnswerSink): void {
    // A connection a request: the requests of a trace are those of many clients, and the kernel spreads connections over workers.
    const head = [
      "POST /v1/chat/completions HTTP/1.1",
      `Host: ${hostField(this.#origin)}`,
      "Content-Type: application/json",
      `Content-Length: ${body.length}`,
      "Connection: close",
      "",
      "",
    ].join("\r\n");
    this.#client.send(
      { origin: this.#origin, head, body },
      {
        onHead: (answer) => {
          const named = answer.headers.find(([name]) => name.toLowerCase() === INSTANCE_HEADER);
          sink.onHead(answer.status, named?.[1] ?? null);
        },
        onData: (bytes, start, end) => sink.onData(bytes.subarray(start, end)),
        onReadEnd: () => {},
        onEnd: () => sink.onEnd(),
        onFailure: (failure) => sink.onFailure(describeFailure(failure)),
      },
    );
  }

  close(): void {
    this.#client.close();
  }
}

function originOf(url: URL): Origin {
  const tls = url.protocol === "https:";
  const port = url.port === "" ? (tls ? 443 : 80) : Number(url.port);
  return { url: url.origin, host: url.hostname.replace(/^\[|\]$/g, ""), port, tls };
}
