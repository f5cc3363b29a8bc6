/**
 * What this router may say where it differs from the recorded one, whatever rule explains the difference: lines of the log that it is
 * known to write, and errors as src/errors.ts has them. So no rule can pass off a mistake of ours as meant. Asked by differences.ts.
 */
import { ERRORS, type ErrorCode } from "../../src/errors.ts";
import type { Difference } from "./compare.ts";

export function isOwnForm({ place, got }: Difference, all: readonly Difference[]): boolean {
  if (typeof got !== "string") return true;
  if (/^(?:log|stdout) surplus$/.test(place)) return !/^\[[A-Z]+\] \{ts\}/.test(got) || isOwnLine(got);
  if (place.endsWith("header x-router-reason")) return isErrorCode(got);
  if (place.endsWith("body") && !place.startsWith("received")) return isAnswerOrOwnError(place, got, all);
  return true;
}

const PREFIX =
  /^\[(?:INFO|WARN|ERROR)\] \{ts\} logger\.go:\{n\}: (?:\[(?:request_id|session_id|req_id|trace_id|user_id):[^\]]*\] ?)*/;
const URL = String.raw`https?://\S+`;
/** How an exchange failed: Go's words where there are some, else those of src/upstream/failure.ts. */
const FAILURE =
  "(?:EOF|unexpected EOF|connect: [A-Z]+|connection closed before the answer .*|no (?:answer|connection) within .*|answer cut: .*|invalid answer: .*)";
const PROBE_FAILURE = "(?:connection (?:refused|closed)|context deadline exceeded)";

const OWN_LINES: readonly RegExp[] = [
  // Requests.
  String.raw`\[[A-Z]+\] \S+ HTTP/1\.1 [1-5]\d\d \{latency\} [\d.]+`,
  String.raw`Parsing completed; starting worker selection\.`,
  String.raw`Request completed successfully\.`,
  String.raw`Request completed with an error: status [45]\d\d`,
  String.raw`(?:select worker \((?:mixed|decode)\)|release worker): ${URL}, count: \d+`,
  String.raw`(?:select worker \(prefill\)|release prefill tokens): ${URL}, tokens: \d+`,
  String.raw`(?:before SelectWorker prefill|before SelectWorker decode, after prefill|after SelectWorker decode, before return)\. ts_ms=\{ts_ms\}`,
  String.raw`\[prefill\] (?:first chunk|non-stream prefill|release in) .*url=${URL}.*`,
  String.raw`(?:copy|scanner) error: (?:context canceled|unexpected EOF|EOF)`,
  `(?:Backend|Prefill|Decode) request failed for ${URL}: Post "${URL}": ${FAILURE}`,
  String.raw`Request failed \(attempt \d/\d\): Post "${URL}": ${FAILURE}`,
  `(?:Failed to connect to backend service|Invalid answer from backend service): ${FAILURE}`,
  String.raw`Failed to unmarshal request JSON: (?:json: cannot unmarshal null into Go value of type map\[string\]interface \{\}|unexpected end of JSON input)`,
  "Failed to select (?:mixed )?worker: no healthy workers available",
  "Invalid request: request_id is neither a string nor a number",
  String.raw`cache-aware prefill: final strategy: \w+, selected=${URL}, loads=map\[.*\], hitRatios=map\[.*\]\. ts_ms=\{ts_ms\}`,
  "cache-aware prefill: tokenizer failed, fallback to char tokens: parse tokenizer response failed: tokenizer response .*",
  // The fleet.
  `(?:Registered|Changed|Removed unhealthy) (?:mixed|prefill|decode) instance: ${URL}`,
  `Server ${URL} is (?:not )?healthy`,
  `Failed to register instance: (?:${URL} service is not healthy|invalid InstanceInfo format:(?:role is required|invalid port: \\S+))`,
  `failed to send request to ${URL} with error: Get "${URL}": ${PROBE_FAILURE}`,
  `failed to read response body: ${PROBE_FAILURE}`,
  // The process.
  String.raw`Listening for registrations on 127\.0\.0\.1:\S+`,
  String.raw`Registration is open to anyone who reaches the port \(option registration-token\)`,
  String.raw`Starting server on [\w.]*:\{R\}`,
  String.raw`Stopping: running answers have \d+ s, streams \d+ s`,
  "Stopped, every answer was completed",
  "Reloaded: no option has changed",
  String.raw`\[stats\] total_running=\d+, workers: \[.*\], cache_hit_rate=[\d.]+% \(hits=\d+/total=\d+\)`,
  String.raw`command line: ".*" ignored: flags end at the first argument that is none.*`,
  String.raw`(?:config/config|register)\.yaml:\d+:\d+: (?:unknown key \S+ is ignored.*|[\w.-]+ is .+, (?:wanted .+sing the default, .+|read as .+)|[\w.-]+ is a whole number; \S+ is read as \d+)`,
].map((text) => new RegExp(`^${text}$`));

function isOwnLine(line: string): boolean {
  const message = line.replace(PREFIX, "");
  return message !== line && OWN_LINES.some((form) => form.test(message));
}

function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(ERRORS, text);
}

/** An error that carries one of our codes is ours: its text, type and status are those of the table. */
function isAnswerOrOwnError(place: string, body: string, all: readonly Difference[]): boolean {
  const error = ownError(body);
  if (error === null) return true;
  const { status, type, text } = ERRORS[error.code];
  const sent = all.find((other) => other.place === place.replace(/body$/, "status"))?.got;
  return (
    error.type === type &&
    (error.message === text || error.message.startsWith(`${text}: `)) &&
    (typeof sent !== "string" || sent.startsWith(`HTTP/1.1 ${status} `))
  );
}

function ownError(body: string): { readonly code: ErrorCode; readonly type: string; readonly message: string } | null {
  const match = /^\{"error":\{"message":"(.*)","type":"(\w+)","param":null,"code":"(\w+)"\}\}$/s.exec(body);
  const [, message = "", type = "", code = ""] = match ?? [];
  return isErrorCode(code) ? { code, type, message } : null;
}
