/** The proxy's Downstream contract for one request on a connection of the raw front. What is flushed leaves at once, in one write. */
import { RouterError } from "../../errors.ts";
import type { ByteRange } from "../../lib/byte-range.ts";
import { MAX_POSTED_BYTES, outbox } from "../../lib/outbox.ts";
import type { ClientWatcher } from "../../proxy/downstream.ts";
import { errorEvent, respondError } from "../../proxy/respond.ts";
import type { HeaderList } from "../../upstream/response-head.ts";
import { isEventStream, type FrontClient } from "../front.ts";
import { answerHead, asksToClose, type AnswerFraming } from "./answer-head.ts";
import type { IncomingBody } from "./incoming-body.ts";
import type { RequestHead } from "./request-head.ts";

/** What an answer needs of its connection. */
export interface AnswerConnection {
  readonly peer: string;
  /** The connection does not outlive this answer, whatever the client wants. */
  readonly isLast: boolean;
  /** Sends what was written into the outbox up to `end`, at the end of the turn. */
  post(end: number): void;
  /** Sends what was posted, now: before anything is written that is to be sent at once. */
  sendPosts(): void;
  /** Sends the part from `start` to before `end` now; what the socket does not take is copied. False: more should wait until it has drained. */
  send(bytes: Buffer, start: number, end: number): boolean;
  /** The client waits for `100 Continue`. */
  sendContinue(): void;
  /** The body is wanted now. */
  resumeBody(): void;
  /** The answer is complete. */
  answered(keepAlive: boolean): void;
  /** The answer is cut. `byReset`: an orderly close would look like its end. */
  broken(byReset: boolean): void;
}

type State = "open" | "streaming" | "ended";

export class RawDownstream implements FrontClient {
  watcher: ClientWatcher | null = null;
  readonly #head: RequestHead;
  readonly #body: IncomingBody;
  readonly #connection: AnswerConnection;
  #status = 0;
  #sentStatus = 0;
  #headers: HeaderList = [];
  #parts: ByteRange[] = [];
  #framing: AnswerFraming["kind"] = "none";
  #keepAlive = false;
  #state: State = "open";
  #gone = false;

  constructor(head: RequestHead, body: IncomingBody, connection: AnswerConnection) {
    this.#head = head;
    this.#body = body;
    this.#connection = connection;
  }

  get method(): string {
    return this.#head.method;
  }

  get path(): string {
    return this.#head.path;
  }

  get query(): string {
    return this.#head.query;
  }

  get peer(): string {
    return this.#connection.peer;
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
    const { lowerNames, headers } = this.#head;
    let value: string | null = null;
    for (let at = lowerNames.indexOf(lowerName); at >= 0; at = lowerNames.indexOf(lowerName, at + 1)) {
      const next = headers[at]?.[1] ?? "";
      value = value === null ? next : `${value}, ${next}`;
    }
    return value;
  }

  eachField(visit: (name: string, value: string) => void): void {
    for (const [name, value] of this.#head.headers) visit(name, value);
  }

  /** Of one connection (request-head.ts). */
  get fieldsKey(): object {
    return this.#head.headers;
  }

  readBody(maxBytes: number): Buffer | Promise<Buffer> {
    const body = this.#body.read(maxBytes);
    if (!this.#body.complete && this.#head.waitsForContinue && !this.#gone) this.#connection.sendContinue();
    // In any case: a socket that is not read would not tell that the client leaves.
    this.#connection.resumeBody();
    return body;
  }

  head(status: number, headers: HeaderList): void {
    if (this.#state !== "open") throw new RouterError("internal", "the head of an answer that has begun");
    this.#status = status;
    this.#headers = headers;
    this.#parts = [];
  }

  write(bytes: Buffer, start = 0, end = bytes.length): void {
    this.#parts.push({ bytes, start, end });
  }

  flush(): boolean {
    if (this.#state === "ended") return true;
    if (this.#state === "open") {
      this.#begin(this.#head.http10 ? "close" : "chunked");
      this.#state = "streaming";
      return this.#send(this.#headText(0), "");
    }
    return this.#parts.length === 0 || this.#send("", "");
  }

  end(): void {
    if (this.#state === "ended") return;
    if (this.#state === "open") {
      this.#begin("length");
      const head = this.#headText(totalOf(this.#parts));
      if (this.#isBodiless) this.#parts = [];
      this.#state = "ended";
      this.#send(head, "", "at the end of the turn");
    } else {
      this.#state = "ended";
      const last = this.#framing === "chunked" ? LAST_CHUNK : "";
      if (last !== "" || this.#parts.length > 0) this.#send("", last);
    }
    this.#connection.answered(this.#keepAlive);
  }

  abort(): void {
    if (this.#state === "ended") return;
    this.#state = "ended";
    this.#connection.broken(this.#framing !== "chunked");
  }

  cut(random: () => number): void {
    if (this.#state === "ended") return;
    const error = new RouterError("draining");
    if (this.#state === "open") {
      respondError(this, error, random);
    } else {
      if (this.isStreaming) this.write(errorEvent(error.code, error.message));
      this.flush();
      this.abort();
    }
    this.#gone = true;
    this.watcher?.left();
  }

  /** The client closed the connection, or broke it. */
  left(): void {
    if (this.#gone || this.#state === "ended") return;
    this.#gone = true;
    this.#state = "ended";
    this.#body.fail(new RouterError("client_closed", "the body is incomplete"));
    this.watcher?.left();
  }

  #begin(framing: AnswerFraming["kind"]): void {
    this.#framing = framing;
    this.#sentStatus = this.#status;
    // A body that nobody read, or that is not complete, would be taken for the next request.
    this.#keepAlive =
      this.#head.keepAlive &&
      framing !== "close" &&
      this.#body.complete &&
      !this.#connection.isLast &&
      !asksToClose(this.#headers);
  }

  #headText(bytes: number): string {
    const { http10 } = this.#head;
    const kind = this.#framing;
    try {
      return answerHead({
        status: this.#status,
        headers: this.#headers,
        framing: this.#hasNoLength ? { kind: "none" } : kind === "length" ? { kind, bytes } : { kind },
        connection: this.#keepAlive ? (http10 ? "keep-alive" : null) : "close",
        nowMs: Date.now(),
      });
    } catch (error) {
      // Nothing has been sent: the client can still be answered otherwise.
      this.#sentStatus = 0;
      throw error;
    }
  }

  /** RFC 9110 §6.4.1, §8.6. */
  get #isBodiless(): boolean {
    return this.#head.method === "HEAD" || this.#hasNoLength;
  }

  get #hasNoLength(): boolean {
    return this.#status === 204 || this.#status === 304;
  }

  /** Head, all parts as one chunk, and what follows, in one write. Parts of streams leave at once: to gather them saves nothing. */
  #send(head: string, tail: string, when: "now" | "at the end of the turn" = "now"): boolean {
    const parts = this.#parts;
    this.#parts = [];
    const bytes = totalOf(parts);
    const isChunk = this.#framing === "chunked" && bytes > 0;
    const most = head.length + bytes + MAX_CHUNK_FRAMING + tail.length;
    const isShort = most <= MAX_POSTED_BYTES;
    const isPosted = isShort && when === "at the end of the turn";
    if (!isPosted) this.#connection.sendPosts();
    const start = isShort ? outbox.reserve(most) : 0;
    const out = isShort ? outbox.bytes : Buffer.allocUnsafe(most);
    let at = start;
    if (head !== "") at += out.write(head, at, "latin1");
    if (isChunk) at = writeChunkSize(out, at, bytes);
    for (const part of parts) at += part.bytes.copy(out, at, part.start, part.end);
    if (isChunk) at = writeLineEnd(out, at);
    if (tail !== "") at += out.write(tail, at, "latin1");
    if (!isPosted) return this.#connection.send(out, start, at);
    this.#connection.post(at);
    return true;
  }
}

const CR = 13;
const LF = 10;
const LAST_CHUNK = "0\r\n\r\n";
/** Eight digits and two line ends. */
const MAX_CHUNK_FRAMING = 12;
const HEX_DIGITS = Buffer.from("0123456789abcdef");

/** Digit by digit: as a string it would cost each event half a microsecond. Returns the index after the line. */
function writeChunkSize(out: Buffer, start: number, bytes: number): number {
  let at = start;
  let shift = 28;
  while (shift > 0 && bytes >>> shift === 0) shift -= 4;
  for (; shift >= 0; shift -= 4) out[at++] = HEX_DIGITS[(bytes >>> shift) & 15] ?? 0;
  return writeLineEnd(out, at);
}

function writeLineEnd(out: Buffer, at: number): number {
  out[at] = CR;
  out[at + 1] = LF;
  return at + 2;
}

function totalOf(parts: readonly ByteRange[]): number {
  let total = 0;
  for (const { start, end } of parts) total += end - start;
  return total;
}
