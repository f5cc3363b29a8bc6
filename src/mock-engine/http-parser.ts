/**
 * Splits the bytes of one client connection into HTTP/1.1 requests. Only as strict as a mock must be that meets routers and test
 * clients: Content-Length and chunked bodies, keep-alive, pipelining. connection.ts feeds it.
 */

export interface HttpRequest {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  /** Value of the first field of that (lower-case) name. */
  header(name: string): string | null;
  readonly body: Buffer;
  readonly keepAlive: boolean;
}

export type ParseResult =
  | { readonly kind: "request"; readonly request: HttpRequest }
  /** `continue`: the client waits for `100 Continue` before it sends the body. */
  | { readonly kind: "more"; readonly continue: boolean }
  | { readonly kind: "bad"; readonly reason: string };

const HEAD_END = Buffer.from("\r\n\r\n");
const MAX_HEAD_BYTES = 65_536;
const MAX_BODY_BYTES = 256 * 1024 * 1024;
const MORE: ParseResult = { kind: "more", continue: false };

interface Head {
  readonly text: string;
  /** -1: chunked. */
  readonly bodyBytes: number;
  expectsContinue: boolean;
}

export class HttpParser {
  /** Bytes not yet consumed, in pieces: joined only when enough have come. */
  #pieces: Buffer[] = [];
  #size = 0;
  #head: Head | null = null;
  #neededBytes = 0;

  push(bytes: Buffer): void {
    this.#pieces.push(bytes);
    this.#size += bytes.length;
  }

  get buffered(): number {
    return this.#size;
  }

  next(): ParseResult {
    if (this.#size === 0 || this.#size < this.#neededBytes) return MORE;
    let bytes = this.#join();
    if (this.#head === null) {
      const end = bytes.indexOf(HEAD_END);
      if (end < 0) return bytes.length > MAX_HEAD_BYTES ? { kind: "bad", reason: "head too large" } : MORE;
      const head = parseHead(bytes.toString("latin1", 0, end + 2));
      if (typeof head === "string") return { kind: "bad", reason: head };
      this.#head = head;
      bytes = this.#consume(bytes, end + 4);
    }
    const head = this.#head;
    const body = head.bodyBytes < 0 ? readChunked(bytes) : readSized(bytes, head.bodyBytes);
    if (body === "bad") return { kind: "bad", reason: "malformed chunked body" };
    if (body === null) {
      this.#neededBytes = head.bodyBytes < 0 ? 0 : head.bodyBytes;
      const more: ParseResult = { kind: "more", continue: head.expectsContinue };
      head.expectsContinue = false;
      return more;
    }
    this.#consume(bytes, body.endsAt);
    this.#head = null;
    this.#neededBytes = 0;
    return { kind: "request", request: buildRequest(head, body.content) };
  }

  #join(): Buffer {
    const only = this.#pieces.length === 1 ? this.#pieces[0] : undefined;
    if (only !== undefined) return only;
    const joined = Buffer.concat(this.#pieces, this.#size);
    this.#pieces = [joined];
    return joined;
  }

  #consume(bytes: Buffer, count: number): Buffer {
    const rest = bytes.subarray(count);
    this.#pieces = rest.length === 0 ? [] : [rest];
    this.#size = rest.length;
    return rest;
  }
}

function parseHead(text: string): Head | string {
  if (!/^[A-Z]+ \S+ HTTP\/1\.[01]\r\n/.test(text)) return "malformed request line";
  const expectsContinue = /\r\nexpect:[ \t]*100-continue\r\n/i.test(text);
  if (/\r\ntransfer-encoding:[ \t]*chunked[ \t]*\r\n/i.test(text)) return { text, bodyBytes: -1, expectsContinue };
  const bodyBytes = Number(/\r\ncontent-length:[ \t]*(\d+)[ \t]*\r\n/i.exec(text)?.[1] ?? "0");
  if (bodyBytes > MAX_BODY_BYTES) return "body too large";
  return { text, bodyBytes, expectsContinue };
}

function buildRequest(head: Head, body: Buffer): HttpRequest {
  const { text } = head;
  const targetStart = text.indexOf(" ") + 1;
  const targetEnd = text.indexOf(" ", targetStart);
  const target = text.slice(targetStart, targetEnd);
  const question = target.indexOf("?");
  const connection = headerIn(text, "connection")?.toLowerCase() ?? "";
  const oldProtocol = text.startsWith("HTTP/1.0\r\n", targetEnd + 1);
  return {
    method: text.slice(0, targetStart - 1),
    path: question < 0 ? target : target.slice(0, question),
    query: question < 0 ? "" : target.slice(question + 1),
    header: (name) => headerIn(text, name),
    body,
    keepAlive: oldProtocol ? connection === "keep-alive" : connection !== "close",
  };
}

function headerIn(text: string, name: string): string | null {
  let start = text.indexOf("\r\n") + 2;
  while (start < text.length) {
    const end = text.indexOf("\r\n", start);
    const colon = start + name.length;
    if (text.charCodeAt(colon) === 58 && text.slice(start, colon).toLowerCase() === name) {
      return text.slice(colon + 1, end).trim();
    }
    start = end + 2;
  }
  return null;
}

interface Body {
  readonly content: Buffer;
  readonly endsAt: number;
}

function readSized(bytes: Buffer, length: number): Body | null {
  return bytes.length < length ? null : { content: bytes.subarray(0, length), endsAt: length };
}

function readChunked(bytes: Buffer): Body | "bad" | null {
  const parts: Buffer[] = [];
  let at = 0;
  for (;;) {
    const lineEnd = bytes.indexOf("\r\n", at, "latin1");
    if (lineEnd < 0) return null;
    const size = /^[0-9a-fA-F]{1,8}/.exec(bytes.toString("latin1", at, lineEnd));
    if (size === null) return "bad";
    const length = parseInt(size[0], 16);
    const start = lineEnd + 2;
    if (length === 0) {
      const trailerEnd = bytes.indexOf(HEAD_END, lineEnd);
      return trailerEnd < 0 ? null : { content: Buffer.concat(parts), endsAt: trailerEnd + 4 };
    }
    if (bytes.length < start + length + 2) return null;
    parts.push(bytes.subarray(start, start + length));
    at = start + length + 2;
  }
}
