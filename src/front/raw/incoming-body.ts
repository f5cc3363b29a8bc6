/** The body of one request, taken off its connection as it comes. Fed by client-connection.ts, asked for by raw-downstream.ts. */
import { RouterError } from "../../errors.ts";
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

  /** Takes what belongs to it; returns what follows. */
  push(bytes: Buffer, now: number): Buffer {
    if (this.complete || bytes.length === 0 || this.#failure !== null) return bytes;
    this.#movedAt = now;
    const rest = this.#decoder === null ? this.#pushPlain(bytes) : this.#pushChunked(this.#decoder, bytes);
    this.#settle();
    return rest;
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

  #pushPlain(bytes: Buffer): Buffer {
    const left = (this.#declared ?? 0) - this.#bytes;
    const own = bytes.length > left ? bytes.subarray(0, left) : bytes;
    this.#add(own);
    return bytes.length > left ? bytes.subarray(left) : EMPTY;
  }

  #pushChunked(decoder: ChunkedDecoder, bytes: Buffer): Buffer {
    const used = decoder.decode(bytes, 0, (payload) => this.#add(payload));
    if (used < 0) {
      this.#failure = new RouterError("invalid_body", "the chunked coding is broken");
      return EMPTY;
    }
    return used < bytes.length ? bytes.subarray(used) : EMPTY;
  }

  #add(part: Buffer): void {
    const bytes = this.#bytes + part.length;
    if (this.#bytes === 0) {
      this.#store = part;
    } else {
      if (bytes > this.#store.length) this.#grow(bytes);
      part.copy(this.#store, this.#bytes);
    }
    this.#bytes = bytes;
  }

  /** What is declared is believed up to a limit only. */
  #grow(bytes: number): void {
    const expected = Math.min(this.#declared ?? 0, MAX_BELIEVED_BYTES);
    const grown = Buffer.allocUnsafe(Math.max(expected, 2 * bytes));
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

function tooLarge(found: string, maxBytes: number): RouterError {
  return new RouterError("body_too_large", `${found}, at most ${maxBytes} are taken`);
}
