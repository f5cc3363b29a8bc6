/** The servers' log files: appended to, rotated by size, a bounded number kept. Called by show.ts for `--output files` and `both`. */
import { mkdirSync } from "node:fs";
import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { BoundedWriter, type TextSink } from "./bounded-writer.ts";

const SETTLE_LIMIT_MS = 1000;

export interface LogFileOptions {
  readonly folder: string;
  readonly maxBytes: number;
  /** Rotated files beside the present one. */
  readonly keep: number;
  readonly onProblem: (text: string) => void;
}

/** Throws when the folder cannot be made. */
export class LogFiles implements AsyncDisposable {
  readonly #options: LogFileOptions;
  readonly #logs = new Map<string, { readonly file: RotatingFile; readonly writer: BoundedWriter }>();

  constructor(options: LogFileOptions) {
    mkdirSync(options.folder, { recursive: true });
    this.#options = options;
  }

  write(server: string, line: string): void {
    let log = this.#logs.get(server);
    if (log === undefined) {
      const file = new RotatingFile(join(this.#options.folder, `${server}.log`), this.#options);
      log = { file, writer: new BoundedWriter(file) };
      this.#logs.set(server, log);
    }
    log.writer.write(`${line}\n`);
  }

  /** Resolves when all is written, or the disk has taken nothing for a while. */
  async settle(): Promise<void> {
    await Promise.all([...this.#logs.values()].map(({ writer }) => writer.settle(SETTLE_LIMIT_MS)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.settle();
    await Promise.all([...this.#logs.values()].map(({ file }) => file.close()));
  }
}

/** `x.log`, then `x.log.1` (the latest) to `x.log.N`. A write that fails is lost; the next one is tried. */
class RotatingFile implements TextSink {
  readonly #path: string;
  readonly #options: Pick<LogFileOptions, "maxBytes" | "keep" | "onProblem">;
  #file: FileHandle | null = null;
  #bytes = 0;
  #text = "";
  #failing = false;

  constructor(path: string, options: Pick<LogFileOptions, "maxBytes" | "keep" | "onProblem">) {
    this.#path = path;
    this.#options = options;
  }

  write(text: string): void {
    this.#text += text;
  }

  async flush(): Promise<void> {
    const bytes = Buffer.from(this.#text);
    this.#text = "";
    try {
      await this.#append(bytes);
      this.#failing = false;
    } catch (error) {
      if (!this.#failing) this.#options.onProblem(`${this.#path}: cannot be written: ${String(error)}`);
      this.#failing = true;
    }
  }

  async close(): Promise<void> {
    await this.#file?.close();
    this.#file = null;
  }

  async #append(bytes: Buffer): Promise<void> {
    if (this.#file === null) await this.#open();
    if (this.#bytes > 0 && this.#bytes + bytes.length > this.#options.maxBytes) await this.#rotate();
    await this.#file?.write(bytes);
    this.#bytes += bytes.length;
  }

  async #open(): Promise<void> {
    this.#file = await open(this.#path, "a");
    this.#bytes = (await this.#file.stat()).size;
  }

  async #rotate(): Promise<void> {
    await this.close();
    const numbered = (number: number): string => (number === 0 ? this.#path : `${this.#path}.${number}`);
    for (let number = this.#options.keep; number > 0; number--) {
      await rename(numbered(number - 1), numbered(number)).catch(() => {}); // not so many yet
    }
    if (this.#options.keep === 0) await rm(this.#path, { force: true });
    await this.#open();
  }
}
