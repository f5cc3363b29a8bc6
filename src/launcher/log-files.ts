/** The servers' log files: appended to, rotated by size, a bounded number kept. Called by run-fleet.ts for `--output files` and `both`. */
import { mkdirSync } from "node:fs";
import { type FileHandle, open, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { BoundedWriter, type TextSink } from "./bounded-writer.ts";

export interface LogFileOptions {
  readonly folder: string;
  readonly maxBytes: number;
  /** Rotated files beside the present one. */
  readonly keep: number;
  readonly onProblem: (text: string) => void;
}

export interface LogFiles {
  readonly write: (server: string, line: string) => void;
  settle(limitMs: number): Promise<void>;
}

/** Throws when the folder cannot be made. */
export function openLogFiles(options: LogFileOptions): LogFiles {
  mkdirSync(options.folder, { recursive: true });
  const writers = new Map<string, BoundedWriter>();
  const writerOf = (server: string): BoundedWriter => {
    const known = writers.get(server);
    if (known !== undefined) return known;
    const writer = new BoundedWriter(new RotatingFile(join(options.folder, `${server}.log`), options));
    writers.set(server, writer);
    return writer;
  };
  return {
    write: (server, line) => writerOf(server).write(`${line}\n`),
    settle: async (limitMs) => void (await Promise.all([...writers.values()].map((writer) => writer.settle(limitMs)))),
  };
}

/** `x.log`, then `x.log.1` (the latest) to `x.log.N`. A write that fails is lost; the next one is tried. */
export class RotatingFile implements TextSink {
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
    await this.#file?.close();
    this.#file = null;
    const numbered = (number: number): string => (number === 0 ? this.#path : `${this.#path}.${number}`);
    for (let number = this.#options.keep; number > 0; number--) {
      await rename(numbered(number - 1), numbered(number)).catch(() => {}); // not so many yet
    }
    if (this.#options.keep === 0) await rm(this.#path, { force: true });
    await this.#open();
  }
}
