/**
 * `log.output: file`: a file a day in `logs`, `router-2026-03-30.log`, and the link `router.log` to today's.
 * A day that grows large is cut into parts, so that the size limit holds within a day too. Opened by commands/serve.ts.
 */
import {
  appendFileSync,
  closeSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from "node:fs";
import { LineWriter } from "./line-writer.ts";
import { dayOf, readLogName, surplusLogs } from "./log-cleanup.ts";

export interface LogFileOptions {
  /** Relative to the working directory. */
  readonly folder: string;
  readonly maxAgeDays: number;
  readonly maxTotalBytes: number;
  readonly now: () => Date;
  /** Where trouble with the files themselves is told. */
  readonly onProblem: (line: string) => void;
}

const LINK = "router.log";
/** Parts of the size limit that one file may take before the next begins. */
const PARTS = 4;
const CLOSE_AFTER_MS = 1000;

export class LogFile {
  readonly #options: LogFileOptions;
  #day: string;
  /** Of the file that is written. */
  #bytes = 0;
  #fd = -1;
  #writer: LineWriter;
  #droppedBefore = 0;

  /** Throws an Error in Go's words when the files cannot be made. */
  constructor(options: LogFileOptions) {
    this.#options = options;
    this.#day = dayOf(options.now());
    prepare(options.folder, this.#path(this.#day));
    this.#writer = this.#open();
  }

  get dropped(): number {
    return this.#droppedBefore + this.#writer.dropped;
  }

  /** `lines` is one line or several, each with its newline. */
  write(lines: string | Uint8Array): void {
    const day = dayOf(this.#options.now());
    if (day !== this.#day) this.#next(day);
    else if (this.#bytes > this.#options.maxTotalBytes / PARTS) this.#cut();
    this.#bytes += lines.length;
    this.#writer.write(lines);
  }

  flush(limitMs: number): Promise<void> {
    return this.#writer.flush(limitMs);
  }

  /** Deletes what is too old, then the oldest while the rest is too large. Never the file that is written. */
  cleanUp(): void {
    const { folder, maxAgeDays, maxTotalBytes, onProblem } = this.#options;
    let names: readonly string[];
    try {
      names = readdirSync(folder);
    } catch (error) {
      onProblem(`[WARN] Failed to read log directory for cleanup: ${textOf(error)}`);
      return;
    }
    const current = nameOf(this.#day);
    const files = names.flatMap((name) => {
      const parsed = readLogName(name);
      return parsed === null || name === current ? [] : [{ ...parsed, bytes: bytesOf(`${folder}/${name}`) }];
    });
    const limits = { today: dayOf(this.#options.now()), maxAgeDays, maxTotalBytes: maxTotalBytes - this.#bytes };
    for (const { name } of surplusLogs(files, limits)) {
      try {
        rmSync(`${folder}/${name}`);
      } catch (error) {
        onProblem(`[ERROR] Failed to remove log file ${folder}/${name}: ${textOf(error)}`);
      }
    }
  }

  #open(): LineWriter {
    const path = this.#path(this.#day);
    this.#fd = openSync(path, "a", 0o644);
    this.#bytes = bytesOf(path);
    return new LineWriter(this.#fd);
  }

  #next(day: string): void {
    this.#day = day;
    this.#reopen();
    const { folder, onProblem } = this.#options;
    linkTo(folder, nameOf(day), onProblem);
  }

  /** The day goes on in a new file of the same name; the old one becomes a numbered part of the day. */
  #cut(): void {
    const { folder, onProblem } = this.#options;
    const parts = readdirSync(folder).flatMap((name) => readLogName(name) ?? []);
    const last = Math.max(0, ...parts.filter(({ day }) => day === this.#day).map(({ part }) => part));
    try {
      renameSync(this.#path(this.#day), `${folder}/router-${this.#day}.${last + 1}.log`);
    } catch (error) {
      onProblem(`[ERROR] Failed to rename log file ${this.#path(this.#day)}: ${textOf(error)}`);
    }
    this.#reopen();
    this.cleanUp();
  }

  #reopen(): void {
    const [fd, writer] = [this.#fd, this.#writer];
    try {
      this.#writer = this.#open();
    } catch (error) {
      // The old file is still there to be written to.
      this.#options.onProblem(`[ERROR] Failed to open log file ${this.#path(this.#day)}: ${textOf(error)}`);
      return;
    }
    const { dropped } = writer;
    this.#droppedBefore += dropped;
    void writer.end(CLOSE_AFTER_MS).then(() => {
      closeSync(fd);
      this.#droppedBefore += writer.dropped - dropped;
    });
  }

  #path(day: string): string {
    return `${this.#options.folder}/${nameOf(day)}`;
  }
}

function nameOf(day: string): string {
  return `router-${day}.log`;
}

/** The folder, and what an older release left under the link's name: its lines go in front of today's. */
function prepare(folder: string, today: string): void {
  const link = `${folder}/${LINK}`;
  try {
    if (!isFolderOrNothing(folder)) throw new Error("not a directory");
    mkdirSync(folder, { recursive: true });
    const found = lstatSync(link, { throwIfNoEntry: false });
    if (found?.isDirectory() === true) throw new Error("is a directory");
    if (found?.isFile() === true) {
      appendFileSync(today, readFileSync(link));
      rmSync(link);
    }
    linkTo(folder, today.slice(folder.length + 1), (line) => {
      throw new Error(line);
    });
  } catch (error) {
    throw new Error(`open ${link}: ${textOf(error)}`, { cause: error });
  }
}

function isFolderOrNothing(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? true;
}

function linkTo(folder: string, target: string, onProblem: (line: string) => void): void {
  const link = `${folder}/${LINK}`;
  try {
    // Put in place in one step: whoever follows the link finds a file at any moment.
    rmSync(`${link}.new`, { force: true });
    symlinkSync(target, `${link}.new`);
    renameSync(`${link}.new`, link);
  } catch (error) {
    onProblem(`[ERROR] Failed to create symlink ${link}: ${textOf(error)}`);
  }
}

function bytesOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

/** `permission denied, open 'x'` and the like, without the code. */
function textOf(error: unknown): string {
  return error instanceof Error ? error.message.replace(/^E[A-Z]+: /, "") : String(error);
}
