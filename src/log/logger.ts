/**
 * The log of the main thread, where all lines end: its own, and those that worker threads send ready-made. They go to a file, or errors
 * to stderr and all else to stdout.
 */
import { LineWriter, viewOf } from "./line-writer.ts";
import type { LogFile } from "./log-file.ts";
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
  readonly #file: LogFile | null;

  constructor(
    options: LoggerOptions,
    journal: JournalStreams = { out: false, err: false },
    file: LogFile | null = null,
  ) {
    this.#options = options;
    this.#journal = journal;
    this.#file = file;
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
  lines(lines: Uint8Array): void {
    if (this.#file !== null) this.#file.write(lines);
    else if (!this.#journal.out && !viewOf(lines).includes("[ERROR] ")) this.#out.write(lines);
    else {
      for (const line of viewOf(lines)
        .toString()
        .split(/(?<=\n)/)) {
        this.#write(line.startsWith("[ERROR] ") ? "error" : "info", line);
      }
    }
  }

  get dropped(): number {
    return this.#out.dropped + this.#err.dropped + (this.#file?.dropped ?? 0);
  }

  async flush(limitMs: number): Promise<void> {
    await Promise.all([this.#out.flush(limitMs), this.#err.flush(limitMs), this.#file?.flush(limitMs)]);
  }

  #log(level: LogLevel, message: string): void {
    if (ORDER.indexOf(level) < ORDER.indexOf(this.#options.level)) return;
    const line = logLine(this.#options.format, level, message);
    if (this.#file === null) this.#write(level, line);
    else this.#file.write(line);
  }

  #write(level: LogLevel, lines: string): void {
    const isError = level === "error";
    const toJournal = isError ? this.#journal.err : this.#journal.out;
    (isError ? this.#err : this.#out).write(toJournal ? withPriority(level, lines) : lines);
  }
}
