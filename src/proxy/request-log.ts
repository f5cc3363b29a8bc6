/** What a request's log lines (log/request-lines.ts) are told in more than one place of the proxy: its names, its errors, its attempts. */
import { ERRORS, type RouterError } from "../errors.ts";
import type { InstanceCounts, RequestLines } from "../log/request-lines.ts";
import type { Assignment } from "../scheduler/assignment.ts";
import type { UpstreamFailure } from "../upstream/failure.ts";
import { describeFailure } from "../upstream/failure.ts";
import type { ProxyContext } from "./context.ts";
import type { BodyTags } from "./describe.ts";
import type { Downstream } from "./downstream.ts";
import type { RequestRecord } from "./record.ts";

/** Before the body is read only the caller's trace is known. */
export function beginLines(client: Downstream, proxy: ProxyContext, record: RequestRecord): void {
  record.lines = proxy.requestLines?.() ?? null;
  record.tags = { traceId: traceIdOf(client), reqId: null, sessionId: null, requestId: null };
  record.lines?.tag(record.tags);
}

/** The body is read: all further lines carry its names. `requestId` in splitwise mode only. */
export function nameRequest(record: RequestRecord, { reqId, sessionId }: BodyTags, requestId: string | null): void {
  record.tags = { traceId: record.tags?.traceId ?? null, reqId, sessionId, requestId };
  record.lines?.tag(record.tags);
  record.lines?.parsed();
}

/** The Go router reads the first; proxies drop names with underscores, and others know only the standard ones. */
const TRACE_HEADERS = ["x_bd_logid", "x-bd-logid", "x-request-id"] as const;

function traceIdOf(client: Downstream): string | null {
  for (const name of TRACE_HEADERS) {
    const value = client.header(name);
    if (value !== null && value !== "") return value;
  }
  const parent = client.header("traceparent");
  return parent === null ? null : (/^[0-9a-f]{2}-([0-9a-f]{32})-/.exec(parent)?.[1] ?? null);
}

export function countsOf(assignment: Assignment): InstanceCounts {
  const { instance, requestCount, promptTokens } = assignment;
  return { url: instance.id, requestCount, promptTokens };
}

/** The count was given back. */
export function logRelease({ lines, hasPrompt }: RequestRecord, assignment: Assignment): void {
  lines?.released(countsOf(assignment), hasPrompt);
}

/** The router's own error, in the words that log scripts know. */
export function logError(lines: RequestLines, error: RouterError): void {
  const detail = error.message.slice(ERRORS[error.code].text.length).replace(/^: /, "");
  switch (error.code) {
    case "invalid_body":
      return lines.error(`Failed to read request body: ${detail}`);
    case "invalid_json":
      return lines.error(`Failed to unmarshal request JSON: ${detail}`);
    case "no_instance":
      lines.error(`Failed to select mixed worker: ${detail}`);
      return lines.error(error.message);
    // The Go router has no line for it.
    case "no_pair":
    case "client_closed":
      return undefined;
    case "body_timeout":
    case "body_too_large":
    case "control_unavailable":
    case "draining":
    case "headers_too_large":
    case "internal":
    case "invalid_request":
    case "method_not_allowed":
    case "saturated":
    case "unknown_model":
    case "unknown_path":
    case "upstream_failed":
    case "upstream_invalid":
    case "upstream_timeout":
    case "uri_too_long":
      return lines.error(error.message);
  }
}

/** As Go's HTTP client says it where scripts look for it, else in our own words. */
export function goFailureText(failure: UpstreamFailure): string {
  if (failure.kind !== "closed-unanswered" && failure.kind !== "cut") return describeFailure(failure);
  if (/reset/i.test(failure.detail)) return "read: connection reset by peer";
  return failure.kind === "cut" ? "unexpected EOF" : "EOF";
}
