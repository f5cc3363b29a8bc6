/**
 * Collects the log lines of a thread, as bytes, and hands them on in parts: whenever one is full, and when asked. Lines come in pieces, which
 * are written into the part at the end of the turn of the event loop, all of them in one go and without a string of their own: of the 64
 * strings that a small request would leave behind, 28 are saved so. A part stays in the processor's cache from the line to the file, and changes
 * hands without being copied. Kept by worker/recorder.ts.
 */
import { TurnQueue } from "../lib/turn-queue.ts";
import { oneLine } from "./line.ts";

/** Of a part: half of a second-level cache. With a quarter of it a small request costs 3 percent more, for the main thread that is woken. */
const PART_BYTES = 256 * 1024;
/** Less is copied out of the part, which goes on being filled. */
const COPIED_BYTES = 64 * 1024;
/** Between two flushes; further lines are dropped, and counted. */
const MAX_BYTES = 2 * 1024 * 1024;
/** UTF-8 bytes of a UTF-16 unit at most. */
const MAX_UNIT_BYTES = 3;
/** Longer pieces are left to the engine's encoder. */
const LOOP_CHARS = 64;

/** ASCII without its control characters. */
const FIRST_PLAIN = 0x20;
const LAST_PLAIN = 0x7e;

/** Whole lines, in an ArrayBuffer that nobody else has. */
export type Lines = Uint8Array<ArrayBuffer>;

/** Pieces in order, then `end`, before anything else is written. */
export interface LinePen {
  /** Control characters are escaped: a line stays one line (fault O01). */
  text(piece: string): this;
  /** Adds the newline. */
  end(): void;
  /** A whole line, with its newline. */
  add(line: string): void;
}

export class LineBuffer implements LinePen {
  readonly #handOn: (lines: Lines) => void;
  /** Of lines that are complete at the end of the turn. */
  readonly #pieces = new TurnQueue<Piece>((pieces) => this.#write(pieces));
  #bytes = newPart(PART_BYTES);
  #used = 0;
  /** Where the last line began. */
  #lineAt = 0;
  #isDropping = false;
  #handedOn = 0;
  #dropped = 0;

  constructor(handOn: (lines: Lines) => void) {
    this.#handOn = handOn;
  }

  /** Lines dropped so far. */
  get dropped(): number {
    return this.#dropped;
  }

  add(line: string): void {
    this.#pieces.flush();
    this.#beginLine();
    if (this.#isDropping) this.#dropped++;
    else this.#encode(line);
  }

  text(piece: string): this {
    this.#pieces.add(piece);
    return this;
  }

  end(): void {
    this.#pieces.add(END);
  }

  #write(pieces: readonly Piece[]): void {
    this.#beginLine();
    for (const piece of pieces) {
      if (piece !== END) this.#writePiece(piece);
      else {
        this.#endLine();
        this.#beginLine();
      }
    }
  }

  #beginLine(): void {
    this.#lineAt = this.#used;
    this.#isDropping = this.#handedOn > MAX_BYTES;
  }

  #writePiece(piece: string): void {
    if (this.#isDropping) return;
    const { length } = piece;
    let done = 0;
    if (length <= LOOP_CHARS) {
      this.#reserve(length);
      const bytes = this.#bytes;
      let at = this.#used;
      for (; done < length; done++) {
        const unit = piece.charCodeAt(done);
        if (unit < FIRST_PLAIN || unit > LAST_PLAIN) break;
        bytes[at++] = unit;
      }
      this.#used = at;
    }
    if (done < length) this.#encode(oneLine(done === 0 ? piece : piece.slice(done)));
  }

  #endLine(): void {
    if (this.#isDropping) {
      this.#dropped++;
      return;
    }
    this.#reserve(1);
    this.#bytes[this.#used++] = NEWLINE;
  }

  #encode(text: string): void {
    this.#reserve(text.length * MAX_UNIT_BYTES);
    this.#used += this.#bytes.write(text, this.#used);
  }

  /** Hands on all that is there. Called regularly, between two lines. */
  flush(): void {
    this.#pieces.flush();
    this.#handOnPart(this.#used);
    this.#handedOn = 0;
  }

  /** Makes room for more of the last line, which takes what it has along into the next part. */
  #reserve(bytes: number): void {
    if (this.#used + bytes <= this.#bytes.length) return;
    const begun = Buffer.from(this.#bytes.subarray(this.#lineAt, this.#used));
    this.#handOnPart(this.#lineAt);
    if (begun.length + bytes > this.#bytes.length) this.#bytes = newPart(2 * (begun.length + bytes));
    this.#bytes.set(begun);
    this.#used = begun.length;
    this.#lineAt = 0;
  }

  #handOnPart(used: number): void {
    this.#used = 0;
    if (used === 0) return;
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

const NEWLINE = 10;

type Piece = string | typeof END;
/** Of a line. */
const END = null;

function newPart(bytes: number): Buffer<ArrayBuffer> {
  return Buffer.from(new ArrayBuffer(bytes));
}
