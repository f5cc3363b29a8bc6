/** The one line that each request leaves behind. The `go` format is the Go router's. */
import { goDuration } from "../lib/go-duration.ts";
import { goPrefix, logLine, type LogFormat } from "./line.ts";
import type { LinePen } from "./line-buffer.ts";

export interface AccessEntry {
  readonly method: string;
  /** With the query, as the Go router has it. */
  readonly target: string;
  readonly status: number;
  readonly durationMs: number;
  readonly clientIp: string;
  /** What the request is known by (request-lines.ts); empty when nothing is known. */
  readonly tags: string;
  /** Further facts, for the json format; null for the others. */
  readonly fields: Readonly<Record<string, unknown>> | null;
}

/** Longer fields are cut (fault O01). */
const MAX_TARGET = 256;

export function writeAccessLine(pen: LinePen, format: LogFormat, entry: AccessEntry): void {
  const { method, status, durationMs, clientIp, tags } = entry;
  const target = entry.target.length > MAX_TARGET ? `${entry.target.slice(0, MAX_TARGET)}...` : entry.target;
  switch (format) {
    case "go":
      pen.text(goPrefix("info", Date.now())).text(tags).text("[").text(method).text("] ");
      pen.text(target).text(" HTTP/1.1 ").text(String(status)).text(" ").text(goDuration(durationMs));
      pen.text(" ").text(clientIp).end();
      return;
    case "json":
      pen.add(
        logLine(format, "info", "request", {
          fields: { method, target, status, durationMs, clientIp, ...entry.fields },
        }),
      );
      return;
    case "pretty":
      pen.add(
        logLine(
          format,
          "info",
          `${tags}[${method}] ${target} HTTP/1.1 ${status} ${goDuration(durationMs)} ${clientIp}`,
        ),
      );
  }
}
