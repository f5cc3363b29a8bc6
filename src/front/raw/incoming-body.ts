/** The body of one request, taken off its connection as it comes. Fed by client-connection.ts, asked for by raw-downstream.ts. */
import { RouterError } from "../../errors.ts";
import { rangeBuffer } from "../../lib/byte-range.ts";
import { ChunkedDecoder } from "../../upstream/chunked-decoder.ts";
import { LEAST_SPEED } from "../body-speed.ts";
import type { RequestFraming } from "./request-head.ts";

const EMPTY = Buffer.alloc(0);
const MAX_BELIEVED_BYTES = 1024 * 1024;

export class IncomingBody {
  readonly #declared: number | null;
  readonly #decoder: ChunkedDecoder | null;
  readonly #startedAt: number;
  #movedAt: number;
  /** Most bodies come in one part, which is not copied; those in several are put together here, however many they are. */
  #store: Buffer = EMPTY;
  #bytes = 0;
  #failure: RouterError | null = null;
  #isWanted = false;
  #asked: { readonly maxBytes: number; resolve(body: Buffer): void; reject(error: RouterError): void } | null = null;

  constructor(framing: RequestFraming, now: number) {
    this.#declared = framing.kind === "length" ? framing.bytes : null;
    this.#decoder = framing.kind === "chunked" ? new ChunkedDecoder() : null;
    this.#startedAt = now;
    this.#movedAt = now;
  }

  /** All of it has come. */
  get complete(): boolean {
    return this.#decoder === null ? this.#bytes === this.#declared : this.#decoder.done;
  }

  /** Bytes that wait for somebody who wants them. */
  get unasked(): number {
    return this.#isWanted ? 0 : this.#bytes;
  }

  /** Takes what belongs to it of `bytes` from `start` on; returns the index after that. */
  push(bytes: Buffer, start: number, now: number): number {
    if (this.complete || start === bytes.length || this.#failure !== null) return start;
    this.#movedAt = now;
    const end = this.#decoder === null ? this.#pushPlain(bytes, start) : this.#pushChunked(this.#decoder, bytes, start);
    this.#settle();
    return end;
  }

  /** The whole body; at once when it has come. Rejects with RouterError `body_too_large`, `body_timeout`, `client_closed`, `invalid_body`. */
  read(maxBytes: number): Buffer | Promise<Buffer> {
    this.#isWanted = true;
    if (this.#declared !== null && this.#declared > maxBytes) {
      return Promise.reject(tooLarge(`${this.#declared} bytes declared`, maxBytes));
    }
    if (this.complete && this.#failure === null && this.#bytes <= maxBytes) return this.#whole();
    return new Promise((resolve, reject) => {
      this.#asked = { maxBytes, resolve, reject };
      this.#settle();
    });
  }

  fail(error: RouterError): void {
    if (this.#failure !== null || this.complete) return;
    this.#failure = error;
    this.#settle();
  }

  /** When it comes too slowly unless more of it has come. */
  get dueAt(): number {
    const { graceMs, minBytesPerSec } = LEAST_SPEED;
    return Math.min(this.#movedAt + graceMs, this.#startedAt + graceMs + (this.#bytes / minBytesPerSec) * 1000);
  }

  #pushPlain(bytes: Buffer, start: number): number {
    const end = Math.min(bytes.length, start + (this.#declared ?? 0) - this.#bytes);
    this.#add(bytes, start, end);
    return end;
  }

  #pushChunked(decoder: ChunkedDecoder, bytes: Buffer, start: number): number {
    const end = decoder.decode(bytes, start, (part, from, to) => this.#add(part, from, to));
    if (end >= 0) return end;
    this.#failure = new RouterError("invalid_body", "the chunked coding is broken");
    return bytes.length;
  }

  #add(bytes: Buffer, start: number, end: number): void {
    const total = this.#bytes + end - start;
    if (this.#bytes === 0) {
      // What follows the body is not its own: its memory has to be (Downstream.readBody).
      this.#store = end === bytes.length ? rangeBuffer({ bytes, start, end }) : ownCopy(bytes, start, end);
    } else {
      if (total > this.#store.length) this.#grow(total);
      bytes.copy(this.#store, this.#bytes, start, end);
    }
    this.#bytes = total;
  }

  /** What is declared is believed up to a limit only. */
  #grow(bytes: number): void {
    const expected = Math.min(this.#declared ?? 0, MAX_BELIEVED_BYTES);
    const grown = Buffer.allocUnsafeSlow(Math.max(expected, 2 * bytes));
    this.#store.copy(grown, 0, 0, this.#bytes);
    this.#store = grown;
  }

  #settle(): void {
    const asked = this.#asked;
    if (asked === null) return;
    if (this.#failure === null && this.#bytes > asked.maxBytes) {
      this.#failure = tooLarge("more arrived", asked.maxBytes);
    }
    if (this.#failure !== null) asked.reject(this.#failure);
    else if (this.complete) asked.resolve(this.#whole());
    else return;
    this.#asked = null;
    this.#store = EMPTY;
  }

  #whole(): Buffer {
    return this.#bytes === this.#store.length ? this.#store : this.#store.subarray(0, this.#bytes);
  }
}

function ownCopy(bytes: Buffer, start: number, end: number): Buffer {
  const copy = Buffer.allocUnsafeSlow(end - start);
  bytes.copy(copy, 0, start, end);
  return copy;
}

function tooLarge(found: string, maxBytes: number): RouterError {
  return new RouterError("body_too_large", `${found}, at most ${maxBytes} are taken`);
}
