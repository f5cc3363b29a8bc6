/** The log of the main thread, where all lines end: its own, and those that worker threads send ready-made. Errors go to stderr, all else to stdout. */
import { LineWriter } from "./line-writer.ts";
import { logLine, type LogFormat, type LogLevel } from "./line.ts";

const ORDER: readonly LogLevel[] = ["debug", "info", "warn", "error"];

export interface LoggerOptions {
  readonly level: LogLevel;
  readonly format: LogFormat;
}

export class Logger {
  readonly #options: LoggerOptions;
  readonly #out = new LineWriter(1);
  readonly #err = new LineWriter(2);

  constructor(options: LoggerOptions) {
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
    this.#out.write(text);
  }

  get dropped(): number {
    return this.#out.dropped + this.#err.dropped;
  }

  async flush(limitMs: number): Promise<void> {
    await Promise.all([this.#out.flush(limitMs), this.#err.flush(limitMs)]);
  }

  #log(level: LogLevel, message: string): void {
    if (ORDER.indexOf(level) < ORDER.indexOf(this.#options.level)) return;
    (level === "error" ? this.#err : this.#out).write(logLine(this.#options.format, level, message));
  }
}
