/**
 * The proxy's Downstream contract on Bun.serve. An answer that is complete before its first `flush` becomes one plain response; any other
 * becomes a direct stream, whose `write` returns a promise when the client does not keep up.
 */
import type { Server } from "bun";
import { RouterError } from "../../errors.ts";
import { rangeBuffer, type ByteRange } from "../../lib/byte-range.ts";
import type { Slot } from "../../lib/live-set.ts";
import type { ClientWatcher } from "../../proxy/downstream.ts";
import { errorEvent, respondError } from "../../proxy/respond.ts";
import type { HeaderList } from "../../upstream/response-head.ts";
import { IDLE_CONNECTION_SECS, isEventStream, plainAddress, type FrontClient } from "../front.ts";
import { readRequestBody } from "./request-body.ts";

/** Statuses whose answer has no body; Bun wants null there. */
const BODILESS = new Set([204, 205, 304]);

/** Where answers are handed in. */
export interface AnswerDesk {
  /** The client's `release` is to be called soon, once. */
  answered(client: ServeDownstream, response: Response): void;
}

export class ServeDownstream implements FrontClient {
  /** What Bun waits for. */
  readonly answer: Promise<Response>;
  /** Where its front has it among those that are neither answered nor watched. */
  slot: Slot<ServeDownstream> | null = null;
  readonly method: string;
  readonly path: string;
  readonly query: string;
  watcher: ClientWatcher | null = null;
  readonly #request: Request;
  readonly #server: Server<undefined>;
  readonly #desk: AnswerDesk;
  readonly #resolve: (response: Response) => void;
  #response: Response | null = null;
  #status = 0;
  #sentStatus = 0;
  #headers: HeaderList = [];
  #parts: ByteRange[] = [];
  #controller: ReadableStreamDirectController | null = null;
  #finish: (() => void) | null = null;
  #cut: Error | null = null;
  #state: "open" | "streaming" | "ended" = "open";
  #gone = false;
  #blocked = false;
  #idleClockStopped = false;
  #fields: Readonly<Record<string, string>> | null = null;

  constructor(request: Request, server: Server<undefined>, desk: AnswerDesk) {
    const { url } = request;
    const { promise, resolve } = Promise.withResolvers<Response>();
    this.answer = promise;
    this.#resolve = resolve;
    // With a Host that is no authority Bun leaves the url relative; `new URL` would throw.
    const pathAt = url.startsWith("/") || request.method === "CONNECT" ? 0 : url.indexOf("/", url.indexOf("://") + 3);
    const queryAt = url.indexOf("?", pathAt);
    this.method = request.method;
    this.path = queryAt < 0 ? url.slice(pathAt) : url.slice(pathAt, queryAt);
    this.query = queryAt < 0 ? "" : url.slice(queryAt + 1);
    this.#request = request;
    this.#server = server;
    this.#desk = desk;
  }

  /**
   * Begins to notice that the client leaves, and stops Bun's clock. Each costs a fifteenth of a short request, which is why serve-front.ts does
   * it for those only that take their time; a client that has left before shows at once. Of a stream that has begun, `cancel` tells.
   */
  watch(): void {
    if (this.#state === "ended") return;
    this.#stopIdleClock();
    const { signal } = this.#request;
    if (signal.aborted) this.#leave();
    else signal.addEventListener("abort", () => this.#leave());
  }

  /** Costs 1.5 µs: asked only where it is needed. */
  get peer(): string {
    return plainAddress(this.#server.requestIP(this.#request)?.address);
  }

  get sentStatus(): number {
    return this.#sentStatus;
  }

  get started(): boolean {
    return this.#sentStatus > 0;
  }

  get isStreaming(): boolean {
    return this.#state === "streaming" && isEventStream(this.#headers);
  }

  get gone(): boolean {
    return this.#gone;
  }

  header(lowerName: string): string | null {
    return this.#allFields()[lowerName] ?? null;
  }

  eachField(visit: (name: string, value: string) => void): void {
    const fields = this.#allFields();
    for (const name in fields) visit(name, fields[name] ?? "");
  }

  /** Bun makes the fields of each request anew. */
  get fieldsKey(): null {
    return null;
  }

  /** Taken over in one call: it costs less than three questions. */
  #allFields(): Readonly<Record<string, string>> {
    this.#fields ??= this.#request.headers.toJSON();
    return this.#fields;
  }

  readBody(maxBytes: number): Buffer | Promise<Buffer> {
    return readRequestBody(this.#request, maxBytes);
  }

  head(status: number, headers: HeaderList): void {
    if (this.#state !== "open") throw new RouterError("internal", "the head of an answer that has begun");
    this.#status = status;
    this.#headers = headers;
    if (this.#parts.length > 0) this.#parts = [];
  }

  write(bytes: Buffer, start = 0, end = bytes.length): void {
    if (this.#controller === null) this.#parts.push({ bytes, start, end });
    else this.#send(this.#controller, { bytes, start, end });
  }

  flush(): boolean {
    if (this.#state === "open") this.#stream();
    void this.#controller?.flush();
    return !this.#blocked;
  }

  end(): void {
    if (this.#state === "open") {
      const [only] = this.#parts;
      const isWhole = only !== undefined && this.#parts.length === 1;
      const body = isWhole ? rangeBuffer(only) : Buffer.concat(this.#parts.map(rangeBuffer));
      this.#sendResponse(BODILESS.has(this.#status) ? null : body, "ended");
      if (this.#idleClockStopped) this.#startIdleClock();
      return;
    }
    this.#close();
  }

  abort(): void {
    this.#cut = new Error("the answer was cut");
    this.#close();
  }

  cut(random: () => number): void {
    if (this.#state === "ended") return;
    const error = new RouterError("draining");
    if (this.#state === "open") {
      respondError(this, error, random);
    } else {
      if (this.isStreaming) this.write(errorEvent(error.code, error.message));
      void this.#controller?.flush();
      this.abort();
    }
    this.#gone = true;
    this.watcher?.left();
  }

  #stream(): void {
    this.#stopIdleClock();
    const body = new ReadableStream<Uint8Array>({
      type: "direct",
      pull: (controller) => this.#pull(controller),
      cancel: () => this.#leave(),
    });
    this.#sendResponse(body, "streaming");
  }

  #sendResponse(body: Bun.BodyInit | null, state: "streaming" | "ended"): void {
    // Throws on a status or field that Bun does not take: then the client can still be answered otherwise.
    const response = new Response(body, { status: this.#status, headers: bunHeaders(this.#headers) });
    this.#state = state;
    this.#sentStatus = this.#status;
    this.#response = response;
    this.#desk.answered(this, response);
  }

  /** Gives the answer to Bun. */
  release(): void {
    if (this.#response !== null) this.#resolve(this.#response);
    this.#response = null;
  }

  /** Bun's clock is for idle connections: it would cut slow uploads, silent streams and engines that queue. */
  #stopIdleClock(): void {
    if (this.#idleClockStopped) return;
    this.#idleClockStopped = true;
    this.#server.timeout(this.#request, 0);
  }

  /** From now on the connection waits for its next request, or for a client that takes the rest of this answer. */
  #startIdleClock(): void {
    this.#server.timeout(this.#request, IDLE_CONNECTION_SECS);
  }

  /** Called once by Bun; the stream ends when the promise settles. */
  #pull(controller: ReadableStreamDirectController): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#finish = () => {
      // Rejecting makes Bun reset the connection: without a last chunk the client knows that the answer is cut.
      // A full turn of the event loop later, or the reset overtakes what was flushed in this one: the error event above all.
      if (this.#cut !== null) {
        setImmediate(() => setImmediate(reject, this.#cut));
      } else {
        controller.close();
        resolve();
      }
    };
    this.#controller = controller;
    for (const part of this.#parts.splice(0)) this.#send(controller, part);
    void controller.flush();
    if (this.#state === "ended") this.#finish();
    return promise;
  }

  #send(controller: ReadableStreamDirectController, part: ByteRange): void {
    const written = controller.write(rangeBuffer(part));
    if (typeof written === "number" || this.#blocked) return;
    this.#blocked = true;
    void written.then(
      () => this.#drained(),
      () => this.#leave(),
    );
  }

  #drained(): void {
    this.#blocked = false;
    this.watcher?.drained();
  }

  #close(): void {
    if (this.#state === "ended") return;
    this.#state = "ended";
    this.#startIdleClock();
    this.#finish?.();
  }

  #leave(): void {
    if (this.#gone || this.#state === "ended") return;
    this.#gone = true;
    this.#state = "ended";
    this.#finish?.();
    this.watcher?.left();
  }
}

/** By the list that they were made of, which answers of one instance share: 4 of 25 µs that a minimal server takes for an answer. */
const KNOWN_HEADERS = new WeakMap<HeaderList, Headers>();

/** Response copies them. */
function bunHeaders(list: HeaderList): Headers {
  const known = KNOWN_HEADERS.get(list);
  if (known !== undefined) return known;
  const headers = new Headers(list);
  KNOWN_HEADERS.set(list, headers);
  return headers;
}
