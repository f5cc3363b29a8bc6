/**
 * The lines that the Go router writes while it serves a request, beside the access line; scripts follow a request by them.
 * One object a request, made by the worker thread when the go format is on and the level lets its
 * lines through; the proxy tells it what happens. Lines go to the thread's buffer, piece by piece, and cost no system call.
 */
import type { LinePen } from "./line-buffer.ts";
import { goPrefix, oneLine, type LogLevel } from "./line.ts";

/** What a request is known by; null where nothing is known. */
export interface RequestTags {
  readonly traceId: string | null;
  readonly reqId: string | null;
  readonly sessionId: string | null;
  /** Splitwise mode only. */
  readonly requestId: string | null;
}

/** The counts on an instance after what the line is about, by all worker threads. */
export interface InstanceCounts {
  readonly url: string;
  readonly requestCount: number;
  readonly promptTokens: number;
}

export type LineRole = "mixed" | "prefill" | "decode";

export interface RequestLinesOptions {
  readonly pen: LinePen;
  /** False: only ERROR lines are wanted. */
  readonly info: boolean;
  readonly warn: boolean;
  /** Milliseconds since the epoch. */
  readonly nowMs: () => number;
}

/** Longer tags are cut. */
const MAX_TAG = 128;

export class RequestLines {
  readonly #options: RequestLinesOptions;
  #tags = "";

  constructor(options: RequestLinesOptions) {
    this.#options = options;
  }

  /** In front of all further lines. */
  tag(tags: RequestTags): void {
    this.#tags = tagText(tags);
  }

  parsed(): void {
    this.#info()?.text("Parsing completed; starting worker selection.").end();
  }

  /** Splitwise: when the choice of a pair began, was half done, was done. */
  pairing(
    moment:
      | "before SelectWorker prefill"
      | "before SelectWorker decode, after prefill"
      | "after SelectWorker decode, before return",
  ): void {
    this.#info()?.text(moment).text(". ts_ms=").text(goMilliseconds(this.#options.nowMs())).end();
  }

  /** Whether it is worth making a text for `strategy`. */
  get wantsInfo(): boolean {
    return this.#options.info;
  }

  /** What a cache-aware policy decided, and by which figures. */
  strategy(text: string): void {
    const at = goMilliseconds(this.#options.nowMs());
    this.#info()?.text("cache-aware prefill: final strategy: ").text(text).text(". ts_ms=").text(at).end();
  }

  selected(role: LineRole, { url, requestCount, promptTokens }: InstanceCounts): void {
    const line = this.#info()?.text("select worker (").text(role).text("): ").text(url);
    const isPrefill = role === "prefill";
    const figure = String(isPrefill ? Math.round(promptTokens) : requestCount);
    line
      ?.text(isPrefill ? ", tokens: " : ", count: ")
      .text(figure)
      .end();
  }

  /** `tokens`: the request had prompt tokens counted on the instance. */
  released({ url, requestCount, promptTokens }: InstanceCounts, tokens: boolean): void {
    this.#info()?.text("release worker: ").text(url).text(", count: ").text(String(requestCount)).end();
    if (!tokens) return;
    const left = String(Math.round(promptTokens));
    this.#info()?.text("release prefill tokens: ").text(url).text(", tokens: ").text(left).end();
  }

  /** How the count on the prefill instance was given back. */
  prefillReleased(how: PrefillRelease, url: string): void {
    const line = this.#info()?.text("[prefill] ").text(PREFILL_RELEASES[how]).text(" url=").text(url);
    line?.text(how === "fallback" ? ", isStream=true" : "").end();
  }

  /** The prefill instance's answer broke off beside a decode that went on. No prompt, unlike in the Go router. */
  prefillCut(stream: boolean, problem: string): void {
    this.error(`[prefill] ${stream ? "scanner" : "copy"} error: ${problem}`);
  }

  completed(status: number): void {
    if (status < 400) this.#info()?.text("Request completed successfully.").end();
    else this.error(`Request completed with an error: status ${status}`);
  }

  /** An attempt failed of which the client knows nothing yet. `url` has the path; `attempts` is [this one, most]. */
  attemptFailed(url: string, problem: string, attempts: readonly [number, number]): void {
    const text = `Post "${url}": ${problem}`;
    this.error(`Backend request failed for ${url}: ${text}`);
    this.error(`Request failed (attempt ${attempts[0]}/${attempts[1]}): ${text}`);
  }

  /** The answer broke off after its beginning. `context canceled` means that the client left. */
  cut(stream: boolean, problem: string): void {
    this.error(`${stream ? "scanner" : "copy"} error: ${problem}`);
  }

  warn(message: string): void {
    if (this.#options.warn) this.#begin("warn").text(message).end();
  }

  error(message: string): void {
    this.#begin("error").text(message).end();
  }

  /** Null: such lines are not wanted. */
  #info(): LinePen | null {
    return this.#options.info ? this.#begin("info") : null;
  }

  #begin(level: LogLevel): LinePen {
    const { pen, nowMs } = this.#options;
    return pen.text(goPrefix(level, nowMs())).text(this.#tags);
  }
}

const PREFILL_RELEASES = {
  "first-part": "first chunk received, release counter",
  ended: "non-stream prefill response done, release counter",
  fallback: "release in defer (fallback)",
  failed: "release in CommonCompletions defer (error path)",
} as const;

export type PrefillRelease = keyof typeof PREFILL_RELEASES;

/** In front of every line of a request, the access line included. */
export function tagText({ traceId, reqId, sessionId, requestId }: RequestTags): string {
  return tag("trace_id", traceId) + tag("req_id", reqId) + tag("session_id", sessionId) + tag("request_id", requestId);
}

/** A value stays inside its brackets, and in its line. */
function tag(name: string, value: string | null): string {
  if (value === null || value === "") return "";
  return `[${name}:${oneLine(value.slice(0, MAX_TAG)).replaceAll("]", "\\u005d")}] `;
}

/** `2026-03-30 18:25:49.123`, local time. */
function goMilliseconds(nowMs: number): string {
  const now = new Date(nowMs);
  const day = `${now.getFullYear()}-${two(now.getMonth() + 1)}-${two(now.getDate())}`;
  const time = `${two(now.getHours())}:${two(now.getMinutes())}:${two(now.getSeconds())}`;
  return `${day} ${time}.${String(now.getMilliseconds()).padStart(3, "0")}`;
}

function two(value: number): string {
  return String(value).padStart(2, "0");
}
