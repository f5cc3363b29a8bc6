/** Priorities as the systemd journal takes them from a stream, in front of each line (sd-daemon(3)). Used by logger.ts. */
import type { LogLevel } from "./line.ts";

const PRIORITY: Readonly<Record<LogLevel, string>> = { debug: "<7>", info: "<6>", warn: "<4>", error: "<3>" };

/** `lines` is one line or several, each with its newline. */
export function withPriority(level: LogLevel, lines: string): string {
  const prefix = PRIORITY[level];
  return prefix + lines.slice(0, -1).replaceAll("\n", `\n${prefix}`) + lines.slice(-1);
}
