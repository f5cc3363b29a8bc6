/**
 * Writes lines to a file descriptor without ever blocking the thread: one write at a time in the background, a bounded queue behind it.
 * When nobody takes the lines (disk full, reader stopped), further ones are dropped and counted (fault O06).
 */
import { write } from "node:fs";

const MAX_QUEUED_BYTES = 4 * 1024 * 1024;
const NEWLINE = 10;
/** Pause after EAGAIN: the other end of a non-blocking pipe is full. */
const RETRY_MS = 10;

export class LineWriter {
  readonly #fd: number;
  #queue: Buffer[] = [];
  /** Of the queue, and of what is being written. */
  #queuedBytes = 0;
  #writing = false;
  #ended = false;
  #dropped = 0;
  readonly #idle: (() => void)[] = [];

  constructor(fd: number) {
    this.#fd = fd;
  }

  /** Lines dropped so far. */
  get dropped(): number {
    return this.#dropped;
  }

  /** `lines` is one line or several, each with its newline. */
  write(lines: string | Uint8Array): void {
    const bytes = typeof lines === "string" ? Buffer.from(lines) : viewOf(lines);
    if (this.#ended || this.#queuedBytes + bytes.length > MAX_QUEUED_BYTES) {
      this.#dropped += countLines(bytes);
      return;
    }
    this.#queue.push(bytes);
    this.#queuedBytes += bytes.length;
    if (!this.#writing) this.#next();
  }

  /** Resolves when all is written, or after `limitMs`. */
  async flush(limitMs: number): Promise<void> {
    if (!this.#writing) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#idle.push(resolve);
    await Promise.race([promise, Bun.sleep(limitMs)]);
  }

  /** Writes what waits, for at most `limitMs`, and drops the rest: then the descriptor can be closed, and its number used again. */
  async end(limitMs: number): Promise<void> {
    await this.flush(limitMs);
    this.#ended = true;
  }

  #next(): void {
    if (this.#queue.length === 0) {
      this.#writing = false;
      for (const resolve of this.#idle.splice(0)) resolve();
      return;
    }
    this.#writing = true;
    const [only] = this.#queue;
    const bytes = this.#queue.length === 1 && only !== undefined ? only : Buffer.concat(this.#queue);
    this.#queue = [];
    this.#writeFrom(bytes, 0);
  }

  #writeFrom(bytes: Buffer, offset: number): void {
    if (this.#ended) {
      this.#dropped += countLines(bytes.subarray(offset)) + countLines(Buffer.concat(this.#queue));
      return;
    }
    write(this.#fd, bytes, offset, bytes.length - offset, null, (error, written) => {
      if (error?.code === "EAGAIN") setTimeout(() => this.#writeFrom(bytes, offset), RETRY_MS);
      else if (error === null && offset + written < bytes.length) this.#writeFrom(bytes, offset + written);
      else {
        if (error !== null) this.#dropped += countLines(bytes.subarray(offset));
        this.#queuedBytes -= bytes.length;
        this.#next();
      }
    });
  }
}

/** The bytes themselves, with the methods of a Buffer. */
export function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}

function countLines(bytes: Buffer): number {
  let count = 0;
  for (let at = bytes.indexOf(NEWLINE); at >= 0; at = bytes.indexOf(NEWLINE, at + 1)) count++;
  return count;
}
