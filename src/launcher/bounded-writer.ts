/**
 * Writes text to a stream that may stop taking it (a pager, a stopped terminal): what waits is bounded, the rest is dropped and counted, and
 * the servers' pipes are read on. Used for our standard output and for log files.
 */
import { within } from "./within.ts";

export interface TextSink {
  write(text: string): unknown;
  flush(): unknown;
}

const MAX_WAITING_CHARS = 1 << 20;

export class BoundedWriter {
  readonly #sink: TextSink;
  #waiting: string[] = [];
  #waitingChars = 0;
  #dropped = 0;
  #broken = false;
  #writing: Promise<void> | null = null;

  constructor(sink: TextSink) {
    this.#sink = sink;
  }

  /** `text` is one or more whole lines with their ends. */
  write(text: string): void {
    if (this.#broken) return;
    if (this.#waitingChars + text.length > MAX_WAITING_CHARS) {
      this.#dropped++;
      return;
    }
    this.#waiting.push(text);
    this.#waitingChars += text.length;
    this.#writing ??= this.#writeAll();
  }

  /** Resolves when all is written, or when the sink takes nothing for `limitMs`. */
  async settle(limitMs: number): Promise<void> {
    if (this.#writing !== null) await within(this.#writing, limitMs);
  }

  async #writeAll(): Promise<void> {
    try {
      while (this.#waiting.length > 0) {
        let text = this.#waiting.join("");
        if (this.#dropped > 0) text += `[launch] ${this.#dropped} lines dropped: they were not read in time\n`;
        this.#waiting = [];
        this.#waitingChars = 0;
        this.#dropped = 0;
        this.#sink.write(text);
        await this.#sink.flush();
      }
    } catch {
      this.#broken = true; // the reader is gone, for good
    }
    this.#writing = null;
  }
}
