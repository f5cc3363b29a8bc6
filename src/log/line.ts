/** How a line is written, in each of the three formats. Control characters never reach the log: a line stays one line (fault O01). */
import { styleText } from "node:util";

export type LogLevel = "debug" | "info" | "warn" | "error";
export type LogFormat = "go" | "json" | "pretty";

/** Digits after `logger.go:` are constant per level; scripts want them there. */
const GO_PREFIX: Readonly<Record<LogLevel, readonly [level: string, position: string]>> = {
  debug: ["DEBUG", "logger.go:97"],
  info: ["INFO", "logger.go:79"],
  warn: ["WARN", "logger.go:85"],
  error: ["ERROR", "logger.go:91"],
};
const LEVELS = ["debug", "info", "warn", "error"] as const;
const COLOURS = { debug: "gray", info: "green", warn: "yellow", error: "red" } as const;

/** `fields` are written by the json format only; `message` has all that a person needs. Ends with a newline. */
export function logLine(
  format: LogFormat,
  level: LogLevel,
  message: string,
  { now = new Date(), fields }: { readonly now?: Date; readonly fields?: Readonly<Record<string, unknown>> } = {},
): string {
  switch (format) {
    case "go":
      return `${goPrefix(level, now.getTime())}${oneLine(message)}\n`;
    case "json":
      return `${oneLine(JSON.stringify({ level, time: now.toISOString(), msg: message, ...fields }))}\n`;
    case "pretty":
      return `${styleText("dim", goTime(now.getTime()).slice(11))} ${styleText(COLOURS[level], level.padEnd(5))} ${oneLine(message)}\n`;
  }
}

/** What a line of the go format begins with, for those who build many. `nowMs` is since the epoch. */
export function goPrefix(level: LogLevel, nowMs: number): string {
  renew(nowMs);
  return cached.prefixes[level];
}

/** `2026/03/30 18:25:49`, local time. */
function goTime(nowMs: number): string {
  renew(nowMs);
  return cached.time;
}

/** Made once a second: the time costs more than all the rest of a line. */
const cached = { second: -1, time: "", prefixes: { debug: "", info: "", warn: "", error: "" } };

function renew(nowMs: number): void {
  const second = Math.floor(nowMs / 1000);
  if (second === cached.second) return;
  const now = new Date(nowMs);
  const day = `${now.getFullYear()}/${two(now.getMonth() + 1)}/${two(now.getDate())}`;
  cached.second = second;
  cached.time = `${day} ${two(now.getHours())}:${two(now.getMinutes())}:${two(now.getSeconds())}`;
  for (const level of LEVELS) {
    const [name, position] = GO_PREFIX[level];
    cached.prefixes[level] = `[${name}] ${cached.time} ${position}: `;
  }
}

function two(value: number): string {
  return String(value).padStart(2, "0");
}

// oxlint-disable-next-line no-control-regex -- these are the characters to escape
const CONTROL = /[\0-\x1f\x7f-\x9f\u2028\u2029]/g;

/** Also what JSON leaves as it is within strings: C1 controls, DEL, line and paragraph separators. */
export function oneLine(text: string): string {
  return text.replace(CONTROL, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
