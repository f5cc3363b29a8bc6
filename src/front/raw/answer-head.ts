/** The head of an answer as text (RFC 9112 §4, §6). Used by raw-downstream.ts. */
import type { HeaderList } from "../../upstream/response-head.ts";

/** How the client finds the end of the body. `close` is for HTTP/1.0 clients of a stream. */
export type AnswerFraming =
  { readonly kind: "length"; readonly bytes: number } | { readonly kind: "chunked" | "close" | "none" };

export interface AnswerHead {
  readonly status: number;
  readonly headers: HeaderList;
  readonly framing: AnswerFraming;
  /** What is said of the connection; null where the version says it. */
  readonly connection: "close" | "keep-alive" | null;
  /** Milliseconds since the epoch. */
  readonly nowMs: number;
}

/** Those that engines and this router use; the phrase may be empty (RFC 9112 §4). */
const REASONS: ReadonlyMap<number, string> = new Map([
  [200, "OK"],
  [201, "Created"],
  [202, "Accepted"],
  [204, "No Content"],
  [206, "Partial Content"],
  [301, "Moved Permanently"],
  [302, "Found"],
  [303, "See Other"],
  [304, "Not Modified"],
  [307, "Temporary Redirect"],
  [308, "Permanent Redirect"],
  [400, "Bad Request"],
  [401, "Unauthorized"],
  [403, "Forbidden"],
  [404, "Not Found"],
  [405, "Method Not Allowed"],
  [408, "Request Timeout"],
  [409, "Conflict"],
  [413, "Content Too Large"],
  [414, "URI Too Long"],
  [415, "Unsupported Media Type"],
  [422, "Unprocessable Content"],
  [429, "Too Many Requests"],
  [431, "Request Header Fields Too Large"],
  [500, "Internal Server Error"],
  [501, "Not Implemented"],
  [502, "Bad Gateway"],
  [503, "Service Unavailable"],
  [504, "Gateway Timeout"],
]);
const FRAMING_NAMES = new Set(["connection", "content-length", "transfer-encoding"]);
// oxlint-disable-next-line no-control-regex -- these are the characters to refuse
const FORBIDDEN = /[\0-\x08\x0a-\x1f\x7f\u0100-\uffff]/;

/** Ends with the empty line. Throws for a status or field that is none. */
export function answerHead({ status, headers, framing, connection, nowMs }: AnswerHead): string {
  if (!Number.isInteger(status) || status < 200 || status > 599)
    throw new Error(`cannot answer with the status ${status}, want 200 to 599`);
  const { text, hasDate } = fieldsOf(headers);
  let head = `HTTP/1.1 ${status} ${REASONS.get(status) ?? ""}\r\n${text}`;
  if (!hasDate) head += dateField(nowMs);
  if (framing.kind === "length") head += `content-length: ${framing.bytes}\r\n`;
  else if (framing.kind === "chunked") head += "transfer-encoding: chunked\r\n";
  return connection === null ? `${head}\r\n` : `${head}connection: ${connection}\r\n\r\n`;
}

interface Fields {
  readonly text: string;
  readonly hasDate: boolean;
}

/** By the list that they were made of: answers of one instance share it. */
const KNOWN_FIELDS = new WeakMap<HeaderList, Fields>();

/** Without those that concern the framing. Throws for a value that is none. */
function fieldsOf(headers: HeaderList): Fields {
  const known = KNOWN_FIELDS.get(headers);
  if (known !== undefined) return known;
  let text = "";
  let hasDate = false;
  for (const [name, value] of headers) {
    const lower = name.toLowerCase();
    if (FRAMING_NAMES.has(lower)) continue;
    if (lower === "date") hasDate = true;
    if (FORBIDDEN.test(value)) throw new Error(`cannot send the field ${name}: a character in its value is forbidden`);
    text += `${name}: ${value}\r\n`;
  }
  const fields = { text, hasDate };
  KNOWN_FIELDS.set(headers, fields);
  return fields;
}

/** Whether the answer's own fields ask for the end of the connection. */
export function asksToClose(headers: HeaderList): boolean {
  return headers.some(([name, value]) => name === "connection" && value === "close");
}

const date = { second: -1, field: "" };

/** Made once a second. */
function dateField(nowMs: number): string {
  const second = Math.floor(nowMs / 1000);
  if (second !== date.second) {
    date.second = second;
    date.field = `date: ${new Date(nowMs).toUTCString()}\r\n`;
  }
  return date.field;
}
