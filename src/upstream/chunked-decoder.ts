/**
 * Takes the chunked transfer coding (RFC 9112 §7.1) off a byte stream, for any way the bytes are split. Used by response-reader.ts.
 * Strict: bare LF, signs or blanks in a size, sizes over 2^48 and trailers or extensions over 16 KiB are refused.
 */

const CR = 13;
const LF = 10;
const SEMICOLON = 59;
/** Told of `bytes` from `start` to before `end`. */
type Emit = (bytes: Buffer, start: number, end: number) => void;

const MAX_CHUNK_BYTES = 2 ** 48;
/** Bound of all extensions of one chunk and of the whole trailer section. */
const MAX_LINE_BYTES = 16 * 1024;

type State =
  | "size"
  | "extension"
  | "size-lf"
  | "payload"
  | "payload-cr"
  | "payload-lf"
  | "trailer-start"
  | "trailer"
  | "trailer-lf"
  | "end-lf"
  | "done";

export class ChunkedDecoder {
  #state: State = "size";
  #size = 0;
  #digits = 0;
  #left = 0;
  #lineBytes = 0;

  reset(): void {
    this.#state = "size";
    this.#size = 0;
    this.#digits = 0;
    this.#lineBytes = 0;
  }

  get done(): boolean {
    return this.#state === "done";
  }

  /**
   * Decodes `bytes` from `start`. Payload goes to `emit` as ranges of `bytes`.
   * Returns the index after the last byte used (less than the length only when the body is done), or -1 on a violation.
   */
  decode(bytes: Buffer, start: number, emit: Emit): number {
    const end = bytes.length;
    let i = start;
    while (i < end && this.#state !== "done") {
      if (this.#state === "size" && this.#digits === 0) {
        const after = emitWholeChunk(bytes, i, emit);
        if (after > i) {
          i = after;
          continue;
        }
      }
      if (this.#state === "payload") {
        const take = Math.min(this.#left, end - i);
        emit(bytes, i, i + take);
        i += take;
        this.#left -= take;
        if (this.#left === 0) this.#state = "payload-cr";
      } else if (!this.#step(bytes[i++] ?? 0)) {
        return -1;
      }
    }
    return i;
  }

  /** One byte outside of the payload. False on a violation. */
  #step(byte: number): boolean {
    switch (this.#state) {
      case "size":
        return this.#sizeByte(byte);
      case "extension":
        if (byte === CR) this.#state = "size-lf";
        else if (byte === LF || ++this.#lineBytes > MAX_LINE_BYTES) return false;
        return true;
      case "size-lf":
        if (byte !== LF) return false;
        this.#left = this.#size;
        this.#state = this.#size === 0 ? "trailer-start" : "payload";
        this.#lineBytes = 0;
        return true;
      case "payload-cr":
        this.#state = "payload-lf";
        return byte === CR;
      case "payload-lf":
        this.#state = "size";
        this.#size = 0;
        this.#digits = 0;
        return byte === LF;
      case "trailer-start":
        this.#state = byte === CR ? "end-lf" : "trailer";
        return byte !== LF && ++this.#lineBytes <= MAX_LINE_BYTES;
      case "trailer":
        if (byte === CR) this.#state = "trailer-lf";
        return byte !== LF && ++this.#lineBytes <= MAX_LINE_BYTES;
      case "trailer-lf":
        this.#state = "trailer-start";
        return byte === LF;
      case "end-lf":
        this.#state = "done";
        return byte === LF;
      case "payload":
      case "done":
        return true;
    }
  }

  #sizeByte(byte: number): boolean {
    const digit = hexDigit(byte);
    if (digit >= 0) {
      this.#size = this.#size * 16 + digit;
      this.#digits++;
      return this.#size <= MAX_CHUNK_BYTES && this.#digits <= 16;
    }
    if (this.#digits === 0) return false;
    this.#lineBytes = 0;
    if (byte === CR) this.#state = "size-lf";
    else if (byte === SEMICOLON) this.#state = "extension";
    else return false;
    return true;
  }
}

/** Of a size that is read in one go: no chunk of a stream is longer. */
const MAX_SHORT_DIGITS = 6;

/**
 * The short way for what nearly every read of a stream brings: a chunk without extensions, from its size to its last CRLF. Returns the
 * index after it; `start` when it is anything else, which the states tell.
 */
function emitWholeChunk(bytes: Buffer, start: number, emit: Emit): number {
  let size = 0;
  let i = start;
  for (const limit = start + MAX_SHORT_DIGITS; i < limit; i++) {
    const digit = hexDigit(bytes[i] ?? 0);
    if (digit < 0) break;
    size = size * 16 + digit;
  }
  const payload = i + 2;
  const end = payload + size;
  if (size === 0 || bytes[i] !== CR || bytes[i + 1] !== LF || bytes[end] !== CR || bytes[end + 1] !== LF) return start;
  emit(bytes, payload, end);
  return end + 2;
}

function hexDigit(byte: number): number {
  if (byte >= 48 && byte <= 57) return byte - 48;
  const lower = byte | 32;
  return lower >= 97 && lower <= 102 ? lower - 87 : -1;
}
