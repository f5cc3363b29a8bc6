/** The one line that each request leaves behind. The `go` format is the Go router's. */
import { goDuration } from "../lib/go-duration.ts";
import { logLine, type LogFormat } from "./line.ts";

export interface AccessEntry {
  readonly method: string;
  /** With the query, as the Go router has it. */
  readonly target: string;
  readonly status: number;
  readonly durationMs: number;
  readonly clientIp: string;
  /** What the request is known by (request-lines.ts); empty when nothing is known. */
  readonly tags: string;
  /** Further facts; asked for by the json format only. */
  readonly fields: () => Readonly<Record<string, unknown>>;
}

/** Longer fields are cut (fault O01). */
const MAX_TARGET = 256;

export function accessLine(format: LogFormat, entry: AccessEntry): string {
  const target = entry.target.length > MAX_TARGET ? `${entry.target.slice(0, MAX_TARGET)}...` : entry.target;
  const message = `${entry.tags}[${entry.method}] ${target} HTTP/1.1 ${entry.status} ${goDuration(entry.durationMs)} ${entry.clientIp}`;
  if (format !== "json") return logLine(format, "info", message);
  const { method, status, durationMs, clientIp } = entry;
  return logLine(format, "info", "request", {
    fields: { method, target, status, durationMs, clientIp, ...entry.fields() },
  });
}
