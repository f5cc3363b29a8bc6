/**
 * Writes lines to a file descriptor without ever blocking the thread: one write at a time in the background, a bounded queue behind it.
 * When nobody takes the lines (disk full, reader stopped), further ones are dropped and counted (faults.md O06).
 */
import { write } from "node:fs";

const MAX_QUEUED_BYTES = 4 * 1024 * 1024;
/** Pause after EAGAIN: the other end of a non-blocking pipe is full. */
const RETRY_MS = 10;

export class LineWriter {
  readonly #fd: number;
  #queue: string[] = [];
  #queuedBytes = 0;
  #writing = false;
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
  write(lines: string): void {
    if (this.#queuedBytes + lines.length > MAX_QUEUED_BYTES) {
      this.#dropped += lines.split("\n").length - 1;
      return;
    }
    this.#queue.push(lines);
    this.#queuedBytes += lines.length;
    if (!this.#writing) this.#next();
  }

  /** Resolves when all is written, or after `limitMs`. */
  async flush(limitMs: number): Promise<void> {
    if (!this.#writing) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#idle.push(resolve);
    await Promise.race([promise, Bun.sleep(limitMs)]);
  }

  #next(): void {
    if (this.#queue.length === 0) {
      this.#writing = false;
      for (const resolve of this.#idle.splice(0)) resolve();
      return;
    }
    this.#writing = true;
    const bytes = Buffer.from(this.#queue.join(""));
    this.#queue = [];
    this.#queuedBytes = 0;
    this.#writeFrom(bytes, 0);
  }

  #writeFrom(bytes: Buffer, offset: number): void {
    write(this.#fd, bytes, offset, bytes.length - offset, null, (error, written) => {
      if (error?.code === "EAGAIN") setTimeout(() => this.#writeFrom(bytes, offset), RETRY_MS);
      else if (error === null && offset + written < bytes.length) this.#writeFrom(bytes, offset + written);
      else {
        if (error !== null) this.#dropped += bytes.subarray(offset).toString().split("\n").length - 1;
        this.#next();
      }
    });
  }
}
