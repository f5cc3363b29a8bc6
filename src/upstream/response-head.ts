/**
 * Reads the head of an instance's answer (RFC 9112 §4-6), strictly: what a lenient reader would guess at is refused here.
 * Framing and hop-by-hop fields are taken out; all else keeps its order, spelling and repetition.
 */

export type HeaderList = [name: string, value: string][];

/** How the end of the body is found. */
export type Framing = { readonly kind: "length"; readonly bytes: number } | { readonly kind: "chunked" | "close" };

export interface ResponseHead {
  readonly status: number;
  /** End-to-end fields only. */
  readonly headers: HeaderList;
  readonly framing: Framing;
  /** The connection may carry another exchange after this answer. */
  readonly keepAlive: boolean;
  /** Media type in lower case without parameters; empty when there is none. */
  readonly mediaType: string;
}

export type HeadResult =
  { readonly ok: true; readonly head: ResponseHead } | { readonly ok: false; readonly problem: string };

const STATUS_LINE = /^HTTP\/1\.([01]) ([1-5][0-9]{2})(?: [^\r\n\0]*)?$/;
export const FIELD_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
// oxlint-disable-next-line no-control-regex -- these are the bytes to refuse
const FORBIDDEN_IN_VALUE = /[\0-\x08\x0a-\x1f\x7f]/;
/** RFC 9110 §7.6.1, and what proxies have always treated so. */
const HOP_BY_HOP = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

export function isHopByHop(lowerName: string): boolean {
  return HOP_BY_HOP.has(lowerName);
}

/** `text` is the head in latin1, from the status line to before the empty line. */
export function readResponseHead(text: string): HeadResult {
  const lineEnd = text.indexOf("\r\n");
  const statusLine = STATUS_LINE.exec(lineEnd < 0 ? text : text.slice(0, lineEnd));
  if (statusLine === null) return problem("status line is not HTTP/1.x with a status of 100 to 599");
  const status = Number(statusLine[2]);
  const fields = readFields(lineEnd < 0 ? "" : text.slice(lineEnd + 2));
  if (typeof fields === "string") return problem(fields);
  const framing = framingOf(fields, status);
  if (typeof framing === "string") return problem(framing);
  const http10 = statusLine[1] === "0";
  const keepAlive =
    !fields.both &&
    framing.kind !== "close" &&
    // Chunked coding from an HTTP/1.0 server is no framing to build on (RFC 9112 §6.1).
    (http10
      ? fields.connection.includes("keep-alive") && framing.kind !== "chunked"
      : !fields.connection.includes("close"));
  return { ok: true, head: { status, headers: endToEnd(fields), framing, keepAlive, mediaType: fields.mediaType } };
}

interface Fields {
  all: HeaderList;
  /** Tokens of Connection, lower case. */
  connection: string[];
  lengths: string[];
  transferEncoding: string | null;
  /** Both framings at once: Transfer-Encoding wins and the connection is not used again (RFC 9112 §6.3). */
  both: boolean;
  mediaType: string;
}

function readFields(text: string): Fields | string {
  const fields: Fields = { all: [], connection: [], lengths: [], transferEncoding: null, both: false, mediaType: "" };
  let at = 0;
  while (at < text.length) {
    let end = text.indexOf("\r\n", at);
    if (end < 0) end = text.length;
    const colon = text.indexOf(":", at);
    if (colon < at || colon > end) return "header line without a colon";
    const name = text.slice(at, colon);
    if (!FIELD_NAME.test(name)) return "header name is not a token";
    const value = fieldValue(text, colon + 1, end);
    if (FORBIDDEN_IN_VALUE.test(value)) return `control character in the value of ${name}`;
    note(fields, name.toLowerCase(), value);
    fields.all.push([name, value]);
    at = end + 2;
  }
  fields.both = fields.transferEncoding !== null && fields.lengths.length > 0;
  return fields;
}

/** Without the blanks and tabs around it. `trim` would take off more, such as a stray LF or a no-break space, and hide it. */
export function fieldValue(text: string, from: number, to: number): string {
  let start = from;
  let end = to;
  while (start < end && isBlank(text.charCodeAt(start))) start++;
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--;
  return text.slice(start, end);
}

function isBlank(code: number): boolean {
  return code === 32 || code === 9;
}

function note(fields: Fields, lowerName: string, value: string): void {
  switch (lowerName) {
    case "connection":
      for (const token of value.split(",")) fields.connection.push(token.trim().toLowerCase());
      break;
    case "content-length":
      for (const length of value.split(",")) fields.lengths.push(fieldValue(length, 0, length.length));
      break;
    case "transfer-encoding":
      fields.transferEncoding = fields.transferEncoding === null ? value : `${fields.transferEncoding}, ${value}`;
      break;
    case "content-type": {
      const semicolon = value.indexOf(";");
      fields.mediaType = (semicolon < 0 ? value : value.slice(0, semicolon)).trim().toLowerCase();
      break;
    }
  }
}

/** Whatever its fields say (RFC 9112 §6.3). */
export function hasNoBody(status: number): boolean {
  return status < 200 || status === 204 || status === 304;
}

function framingOf(fields: Fields, status: number): Framing | string {
  const { lengths, transferEncoding } = fields;
  for (const length of lengths) {
    if (!/^[0-9]{1,15}$/.test(length) || length !== lengths[0]) return "Content-Length is not one number";
  }
  if (hasNoBody(status)) return { kind: "length", bytes: 0 };
  if (transferEncoding !== null) {
    return transferEncoding.toLowerCase() === "chunked"
      ? { kind: "chunked" }
      : "Transfer-Encoding is not chunked alone";
  }
  return lengths[0] === undefined ? { kind: "close" } : { kind: "length", bytes: Number(lengths[0]) };
}

function endToEnd(fields: Fields): HeaderList {
  const { all, connection } = fields;
  return all.filter(([name]) => {
    const lower = name.toLowerCase();
    // A nominated Content-Type is still end to end: removing it would change the meaning of the body.
    return (
      lower !== "content-length" && !HOP_BY_HOP.has(lower) && (lower === "content-type" || !connection.includes(lower))
    );
  });
}

function problem(text: string): HeadResult {
  return { ok: false, problem: text };
}
