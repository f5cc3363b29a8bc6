/**
 * Collects the log lines of a thread, as bytes, and hands them on in parts: whenever one is full, and when asked. A part stays in the
 * processor's cache from the line to the file, and changes hands without being copied. Kept by recorder.ts.
 */

/** Of a part. */
const PART_BYTES = 64 * 1024;
/** Less is copied out of the part, which goes on being filled. */
const COPIED_BYTES = 8 * 1024;
/** Between two flushes; further lines are dropped, and counted. */
const MAX_BYTES = 2 * 1024 * 1024;
/** Characters that are put together before they become bytes: one call for some fifteen lines. */
const BATCH = 2048;
/** UTF-8 bytes of a UTF-16 unit at most. */
const MAX_UNIT_BYTES = 3;

/** Whole lines, in an ArrayBuffer that nobody else has. */
export type Lines = Uint8Array<ArrayBuffer>;

export class LineBuffer {
  readonly #handOn: (lines: Lines) => void;
  #bytes = newPart(PART_BYTES);
  #used = 0;
  #batch = "";
  #handedOn = 0;
  #dropped = 0;

  constructor(handOn: (lines: Lines) => void) {
    this.#handOn = handOn;
  }

  /** Lines dropped so far. */
  get dropped(): number {
    return this.#dropped;
  }

  /** With its newline. */
  add(line: string): void {
    if (this.#handedOn > MAX_BYTES) {
      this.#dropped++;
      return;
    }
    this.#batch += line;
    if (this.#batch.length > BATCH) this.#encode();
  }

  /** Hands on all that is there. Called regularly. */
  flush(): void {
    this.#encode();
    this.#handOnPart();
    this.#handedOn = 0;
  }

  #encode(): void {
    const most = this.#batch.length * MAX_UNIT_BYTES;
    if (this.#used + most > this.#bytes.length) this.#handOnPart();
    if (most > this.#bytes.length) this.#bytes = newPart(most);
    this.#used += this.#bytes.write(this.#batch, this.#used);
    this.#batch = "";
  }

  #handOnPart(): void {
    const used = this.#used;
    if (used === 0) return;
    this.#used = 0;
    this.#handedOn += used;
    if (used <= COPIED_BYTES) {
      this.#handOn(new Uint8Array(this.#bytes.subarray(0, used)));
    } else {
      const part = this.#bytes;
      this.#bytes = newPart(PART_BYTES);
      this.#handOn(part.subarray(0, used));
    }
  }
}

function newPart(bytes: number): Buffer<ArrayBuffer> {
  return Buffer.from(new ArrayBuffer(bytes));
}
