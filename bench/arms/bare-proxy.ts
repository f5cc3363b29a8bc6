#!/usr/bin/env bun
/**
 * The least that a proxy on Bun.serve can do with this project's HTTP client: no scheduling but a turn for each engine, no limits, no log,
 * no metrics, no retries. What the router costs above it is its own; what this costs above nginx no router on Bun.serve gets round.
 * docs/performance.md says how it takes part in a run.
 */
import type { Origin } from "../../src/upstream/origin.ts";
import { UpstreamClient } from "../../src/upstream/client.ts";
import type { AnswerListener } from "../../src/upstream/exchange.ts";
import type { HeaderList, ResponseHead } from "../../src/upstream/response-head.ts";

const [port = "", engines = ""] = process.argv.slice(2);
const origins = engines.split(",").map((address): Origin => {
  const [host = "", enginePort] = address.split(":");
  return { url: `http://${address}`, host, port: Number(enginePort), tls: false };
});
if (port === "" || engines === "") throw new Error("wanted: bare-proxy.ts PORT HOST:PORT,HOST:PORT");

const upstream = new UpstreamClient({
  maxIdleConnections: 512,
  keepAliveMs: 60_000,
  connectTimeoutMs: 5000,
  firstByteTimeoutMs: 0,
  idleTimeoutMs: 0,
  totalTimeoutMs: 0,
});
let turn = 0;

Bun.serve({
  hostname: "127.0.0.1",
  port: Number(port),
  idleTimeout: 0,
  maxRequestBodySize: Number.MAX_SAFE_INTEGER,
  async fetch(request) {
    const body = new Uint8Array(await request.arrayBuffer());
    const origin = origins[turn++ % origins.length];
    if (origin === undefined) return new Response(null, { status: 503 });
    const { url } = request;
    let head = `${request.method} ${url.slice(url.indexOf("/", 8))} HTTP/1.1\r\nhost: ${origin.host}\r\n`;
    for (const [name, value] of request.headers) if (!OWN.has(name)) head += `${name}: ${value}\r\n`;
    head += `content-length: ${body.length}\r\n\r\n`;
    return new Promise<Response>((resolve) => upstream.send({ origin, head, body }, new Relay(resolve)));
  },
});

const OWN = new Set(["host", "connection", "content-length"]);

class Relay implements AnswerListener {
  readonly #resolve: (response: Response) => void;
  #head: { readonly status: number; readonly headers: HeaderList } = { status: 502, headers: [] };
  #whole = false;
  #parts: Buffer[] = [];
  #controller: ReadableStreamDirectController | null = null;
  #finish: () => void = () => {};

  constructor(resolve: (response: Response) => void) {
    this.#resolve = resolve;
  }

  onHead({ status, headers, framing }: ResponseHead): void {
    this.#head = { status, headers };
    this.#whole = framing.kind === "length";
    if (!this.#whole) this.#resolve(new Response(this.#stream(), this.#head));
  }

  onData(bytes: Buffer, start: number, end: number): void {
    const part = bytes.subarray(start, end);
    if (this.#controller === null) this.#parts.push(part);
    else void this.#controller.write(part);
  }

  onReadEnd(): void {
    void this.#controller?.flush();
  }

  onEnd(): void {
    const [only] = this.#parts;
    if (this.#whole)
      this.#resolve(new Response(this.#parts.length === 1 ? only : Buffer.concat(this.#parts), this.#head));
    else this.#finish();
  }

  onFailure(): void {
    this.#resolve(new Response(null, { status: 502 }));
    this.#finish();
  }

  #stream(): ReadableStream {
    return new ReadableStream({
      type: "direct",
      pull: (controller: ReadableStreamDirectController) => {
        this.#controller = controller;
        for (const part of this.#parts.splice(0)) void controller.write(part);
        void controller.flush();
        return new Promise<void>((resolve) => {
          this.#finish = () => {
            controller.close();
            resolve();
          };
        });
      },
    });
  }
}
