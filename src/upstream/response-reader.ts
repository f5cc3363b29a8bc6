/**
 * Reads the answers of one connection, one after the other, for any way the bytes are split: interim answers, head, body, end.
 * It knows no socket: an exchange feeds it, and listens.
 */
import { ChunkedDecoder } from "./chunked-decoder.ts";
import { hasNoBody, readResponseHead, type HeadResult, type ResponseHead } from "./response-head.ts";

const HEAD_END = Buffer.from("\r\n\r\n");
const PREFIX = Buffer.from("HTTP/1.");
const MAX_HEAD_BYTES = 64 * 1024;
const MAX_INTERIM_ANSWERS = 16;

export interface ResponseListener {
  onHead(head: ResponseHead): void;
  /** A part of the body without its framing: `bytes` from `start` to before `end`, which stay as they are. */
  onData(bytes: Buffer, start: number, end: number): void;
}

/** `more`: not complete yet. `done`: complete. `broken`: not a valid answer. */
export type ReadState = { readonly kind: "more" | "done" } | { readonly kind: "broken"; readonly problem: string };

const MORE: ReadState = { kind: "more" };
const DONE: ReadState = { kind: "done" };

export class ResponseReader {
  #listener: ResponseListener | null = null;
  #head: ResponseHead | null = null;
  #partialHead: Buffer | null = null;
  #interimAnswers = 0;
  #left = 0;
  #surplus = false;
  #sawByte = false;
  readonly #decoder = new ChunkedDecoder();
  readonly #emit = (bytes: Buffer, start: number, end: number): void => this.#listener?.onData(bytes, start, end);

  /** Before each answer. */
  start(listener: ResponseListener): void {
    this.#listener = listener;
    this.#head = null;
    this.#partialHead = null;
    this.#interimAnswers = 0;
    this.#surplus = false;
    this.#sawByte = false;
  }

  /** Lets go of the listener: nothing more is told. */
  stop(): void {
    this.#listener = null;
  }

  /** The connection can carry another exchange: asked after `done`. */
  get reusable(): boolean {
    return this.#head?.keepAlive === true && !this.#surplus;
  }

  /** Any byte of this answer has come. */
  get sawByte(): boolean {
    return this.#sawByte;
  }

  feed(bytes: Buffer): ReadState {
    this.#sawByte = true;
    if (this.#head !== null) return this.#feedBody(this.#head, bytes, 0);
    const whole = this.#partialHead === null ? bytes : Buffer.concat([this.#partialHead, bytes]);
    this.#partialHead = null;
    let start = 0;
    while (this.#head === null) {
      const end = whole.indexOf(HEAD_END, start);
      if ((end < 0 ? whole.length : end) - start > MAX_HEAD_BYTES) {
        return broken(`head is longer than ${MAX_HEAD_BYTES} bytes`);
      }
      if (end < 0) return this.#awaitHead(start === 0 ? whole : whole.subarray(start));
      const problem = this.#takeHead(whole.toString("latin1", start, end));
      if (problem !== null) return broken(problem);
      start = end + HEAD_END.length;
      if (this.#head === null && start === whole.length) return MORE;
    }
    return this.#feedBody(this.#head, whole, start);
  }

  #awaitHead(part: Buffer): ReadState {
    // HTTP/0.9, or another protocol: no use in waiting for the end of a head.
    if (part.length >= PREFIX.length && part.compare(PREFIX, 0, PREFIX.length, 0, PREFIX.length) !== 0) {
      return broken("the answer is not HTTP/1.x");
    }
    this.#partialHead = part;
    return MORE;
  }

  /** The peer closed the connection: is the answer complete? */
  close(): ReadState {
    if (this.#head?.framing.kind === "close") return DONE;
    return broken(this.#head === null ? "connection closed in the head" : "connection closed in the body");
  }

  #takeHead(text: string): string | null {
    const result = knownHead(text);
    if (!result.ok) return result.problem;
    const { head } = result;
    if (head.status === 101) return "101 without an upgrade request";
    if (head.status < 200)
      return ++this.#interimAnswers > MAX_INTERIM_ANSWERS ? `more than ${MAX_INTERIM_ANSWERS} interim answers` : null;
    this.#head = head;
    if (head.framing.kind === "length") this.#left = head.framing.bytes;
    else if (head.framing.kind === "chunked") this.#decoder.reset();
    this.#listener?.onHead(head);
    return null;
  }

  #feedBody(head: ResponseHead, bytes: Buffer, start: number): ReadState {
    const { length } = bytes;
    switch (head.framing.kind) {
      case "length": {
        if (length - start > this.#left) this.#surplus = true;
        const end = this.#surplus ? start + this.#left : length;
        this.#left -= end - start;
        if (end > start) this.#emit(bytes, start, end);
        return this.#left === 0 ? DONE : MORE;
      }
      case "chunked": {
        const used = this.#decoder.decode(bytes, start, this.#emit);
        if (used < 0) return broken("chunked coding is malformed");
        if (used < length) this.#surplus = true;
        return this.#decoder.done ? DONE : MORE;
      }
      case "close":
        if (length > start) this.#emit(bytes, start, length);
        return MORE;
    }
  }
}

function broken(problem: string): ReadState {
  return { kind: "broken", problem };
}

/**
 * Engines repeat themselves: within a second most heads are the same to the letter but for the length of the body. Reading one costs 8 µs,
 * finding it again 0.9. Those with a length are known without its digits; all lengths then share one list of fields.
 */
const KNOWN_HEADS = { whole: new Map<string, HeadResult>(), sized: new Map<string, HeadResult>() } as const;
const MAX_KNOWN_HEADS = 128;
/** A longer one is rare and not worth its place. */
const MAX_KNOWN_LENGTH = 1024;

function knownHead(text: string): HeadResult {
  if (text.length > MAX_KNOWN_LENGTH) return readResponseHead(text);
  const digits = lengthDigits(text);
  if (digits === null) return KNOWN_HEADS.whole.get(text) ?? keep("whole", text, readResponseHead(text));
  const rest = text.slice(0, digits.start) + text.slice(digits.end);
  const known = KNOWN_HEADS.sized.get(rest);
  if (known === undefined) {
    const result = readResponseHead(text);
    // A second length could differ from the first.
    return isSizedOnce(text) ? keep("sized", rest, result) : result;
  }
  if (!known.ok || known.head.framing.kind !== "length") return known;
  const { status, headers, keepAlive, mediaType } = known.head;
  const bytes = hasNoBody(status) ? 0 : digits.value;
  return { ok: true, head: { status, headers, framing: { kind: "length", bytes }, keepAlive, mediaType } };
}

function keep(kind: keyof typeof KNOWN_HEADS, key: string, result: HeadResult): HeadResult {
  const heads = KNOWN_HEADS[kind];
  if (!result.ok) return result;
  if (heads.size >= MAX_KNOWN_HEADS) heads.clear();
  heads.set(key, result);
  return result;
}

function isSizedOnce(text: string): boolean {
  return text.toLowerCase().split("content-length").length === 2;
}

interface Digits {
  readonly start: number;
  readonly end: number;
  readonly value: number;
}

/** As engines spell it, uvicorn first. */
const LENGTH_FIELDS = ["\r\ncontent-length: ", "\r\nContent-Length: "];
const MAX_LENGTH_DIGITS = 15;

/** Of the first Content-Length. Null where there is none in a usual spelling, or something else than digits in it. */
function lengthDigits(text: string): Digits | null {
  for (const field of LENGTH_FIELDS) {
    const at = text.indexOf(field);
    if (at < 0) continue;
    const start = at + field.length;
    let end = start;
    let value = 0;
    for (; end < text.length; end++) {
      const digit = text.charCodeAt(end) - 48;
      if (digit < 0 || digit > 9) break;
      value = value * 10 + digit;
    }
    const isWhole = end === text.length || text.startsWith("\r\n", end);
    return isWhole && end > start && end - start <= MAX_LENGTH_DIGITS ? { start, end, value } : null;
  }
  return null;
}
