/** The log of the main thread, where all lines end: its own, and those that worker threads send ready-made. Errors go to stderr, all else to stdout. */
import { LineWriter } from "./line-writer.ts";
import { withPriority } from "./priority.ts";
import { logLine, type LogFormat, type LogLevel } from "./line.ts";

const ORDER: readonly LogLevel[] = ["debug", "info", "warn", "error"];

export interface LoggerOptions {
  readonly level: LogLevel;
  readonly format: LogFormat;
}

/** Which streams end in the journal: their lines get a priority. */
export interface JournalStreams {
  readonly out: boolean;
  readonly err: boolean;
}

export class Logger {
  #options: LoggerOptions;
  readonly #journal: JournalStreams;
  readonly #out = new LineWriter(1);
  readonly #err = new LineWriter(2);

  constructor(options: LoggerOptions, journal: JournalStreams = { out: false, err: false }) {
    this.#options = options;
    this.#journal = journal;
  }

  configure(options: LoggerOptions): void {
    this.#options = options;
  }

  debug(message: string): void {
    this.#log("debug", message);
  }

  info(message: string): void {
    this.#log("info", message);
  }

  warn(message: string): void {
    this.#log("warn", message);
  }

  error(message: string): void {
    this.#log("error", message);
  }

  /** Lines that were made, and chosen by level, elsewhere. */
  lines(text: string): void {
    this.#out.write(this.#journal.out ? withPriority("info", text) : text);
  }

  get dropped(): number {
    return this.#out.dropped + this.#err.dropped;
  }

  async flush(limitMs: number): Promise<void> {
    await Promise.all([this.#out.flush(limitMs), this.#err.flush(limitMs)]);
  }

  #log(level: LogLevel, message: string): void {
    if (ORDER.indexOf(level) < ORDER.indexOf(this.#options.level)) return;
    const isError = level === "error";
    const line = logLine(this.#options.format, level, message);
    const toJournal = isError ? this.#journal.err : this.#journal.out;
    (isError ? this.#err : this.#out).write(toJournal ? withPriority(level, line) : line);
  }
}
