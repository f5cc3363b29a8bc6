/** The recorded exchanges of the Go router, as they stand in the files, and the bytes that their short forms stand for. Read by replay.ts. */
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";

/** Text; or what is not printable; or, for long data, its ends around a filler of `x`. */
export type Recorded =
  | string
  | { readonly b64: string }
  | { readonly len: number; readonly sha256: string; readonly head: string; readonly tail: string };

export interface ScriptStep {
  readonly send?: Recorded;
  readonly sleep_ms?: number;
  readonly close?: boolean;
  readonly rst?: boolean;
  /** Seconds, or until the router closes. */
  readonly hang?: number;
}
export type Script = readonly ScriptStep[];
/** The answers of one engine in turn; the last one repeats. */
export type Scripts = readonly Script[];

export interface RecordedAnswer {
  readonly status?: string;
  readonly headers?: readonly (readonly [string, string])[];
  readonly body?: Recorded;
  readonly framing?: string;
  readonly closed?: boolean;
  /** The client closed the connection itself. */
  readonly client?: string;
  readonly seen?: string;
}

export interface RecordedRequest {
  readonly engine: string;
  readonly head: Recorded;
  readonly body: Recorded;
}

export interface Step {
  readonly sent?: Recorded;
  readonly got?: RecordedAnswer;
  readonly sleep_ms?: number;
  readonly stop_engine?: string;
  readonly start_engine?: string;
  readonly engine_health?: string;
  readonly script?: Scripts;
  readonly router_families?: string;
}

/** Several requests that overlap: `start` opens one, `end` lets it finish, `run` does both. */
export interface Operation {
  readonly start?: string;
  readonly run?: string;
  readonly end?: string;
  readonly body?: Recorded;
  readonly chosen?: readonly string[];
}

export interface GoldenCase {
  readonly file: string;
  readonly id: string;
  readonly group: string;
  readonly mode: "mixed" | "splitwise" | "cli";
  readonly config?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly registered_before?: readonly string[];
  readonly engine_script?: Readonly<Record<string, Scripts>>;
  readonly engine_health?: Readonly<Record<string, Scripts>>;
  readonly engine_metrics?: Readonly<Record<string, string>>;
  readonly tokenizer_answers?: Scripts;
  readonly stopped_before_request?: readonly string[];
  readonly sent?: Recorded;
  readonly got?: RecordedAnswer;
  readonly received?: readonly RecordedRequest[];
  readonly get_requests?: readonly string[];
  readonly registered?: unknown;
  readonly registered_number?: unknown;
  readonly log?: readonly string[];
  readonly steps?: readonly Step[];
  readonly ops?: readonly Operation[];
  readonly args?: readonly string[];
  readonly files?: Readonly<Record<string, string>>;
  readonly environment?: Readonly<Record<string, string>>;
  readonly listens?: boolean;
  /** A number, or that the program still ran. */
  readonly exit_code?: number | string;
  readonly stdout?: readonly string[];
  readonly stderr?: readonly string[];
  readonly log_files?: Readonly<Record<string, readonly string[] | string>>;
  readonly signal?: NodeJS.Signals;
  readonly varies?: string;
  readonly fault?: string;
  readonly wanted?: string;
  readonly note?: string;
}

export const CORPUS_FILES = ["mixed", "splitwise", "registration", "cli", "policies", "metrics"] as const;

const root = new URL("../../", import.meta.url).pathname;

/** Folder of the corpus, or null when this machine has none. */
export function corpusFolder(): string | null {
  const named = process.env["FD_ROUTER_GOLDEN"];
  const folder = named === undefined || named === "" ? resolve(root, "../shared/golden") : resolve(named);
  return existsSync(`${folder}/mixed.jsonl`) ? folder : null;
}

export function readCorpus(folder: string): readonly GoldenCase[] {
  return CORPUS_FILES.flatMap((file) =>
    readFileSync(`${folder}/${file}.jsonl`, "utf8")
      .trimEnd()
      .split("\n")
      // The corpus is ours to trust: its shape is written down in its README.
      .map((line) => ({ ...(JSON.parse(line) as Omit<GoldenCase, "file">), file })),
  );
}

/** The bytes behind a recorded value. `fill` puts the real ports in. */
export function bytesOf(recorded: Recorded, fill: (text: string) => string): Buffer {
  if (typeof recorded === "string") return Buffer.from(prose(recorded) ?? fill(recorded));
  if ("b64" in recorded) return Buffer.from(recorded.b64, "base64");
  const { len, head, tail, sha256 } = recorded;
  // One head ends within the word `data: `.
  for (const begin of [head, `${head}: `]) {
    const bytes = Buffer.from(begin + "x".repeat(len - Buffer.byteLength(begin) - Buffer.byteLength(tail)) + tail);
    if (createHash("sha256").update(bytes).digest("hex") === sha256) return bytes;
  }
  throw new Error(`a long recording that begins with ${head.slice(0, 40)} is no filler of x`);
}

/** Requests that the recording only describes. */
function prose(text: string): string | null {
  const header = /^GET (\S+) with a header X of ([\d,]+) bytes$/.exec(text);
  if (header !== null) {
    const bytes = Number(header[2]?.replaceAll(",", ""));
    return `GET ${header[1]} HTTP/1.1\r\nHost: router.test\r\nX: ${"x".repeat(bytes)}\r\n\r\n`;
  }
  const nested = /^POST chat with \{"a":\[\[\[\.\.\.\]\]\]\} nested (\d+) deep$/.exec(text);
  if (nested === null) return null;
  const depth = Number(nested[1]);
  const body = `{"a":${"[".repeat(depth)}${"]".repeat(depth)}}`;
  return `POST /v1/chat/completions HTTP/1.1\r\nHost: router.test\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
}

/** Whether `bytes` are what was recorded; `clean` takes the ports out again. */
export function showBytes(bytes: Buffer, like: Recorded | undefined, clean: (text: string) => string): Recorded {
  if (like !== undefined && typeof like !== "string") {
    if ("b64" in like) return { b64: bytes.toString("base64") };
    const text = bytes.toString("latin1");
    return {
      len: bytes.length,
      sha256: createHash("sha256").update(bytes).digest("hex"),
      head: text.slice(0, like.head.length),
      tail: text.slice(text.length - like.tail.length),
    };
  }
  if (bytes.length > 100_000) return `(${bytes.length} bytes)`;
  return clean(bytes.toString("utf8"));
}
