/**
 * One client connection of the mock and the answers on it. Raw sockets instead of Bun.serve for three reasons: the real server sends
 * a stream's head at once (Bun.serve holds its last line back), faults need resets and cut streams, and an event costs one write.
 */
import type { Socket } from "bun";
import { HttpParser, type HttpRequest } from "./http-parser.ts";

export type ConnectionHandler = (request: HttpRequest, reply: Reply) => void;

const REASONS: Readonly<Record<number, string>> = {
  200: "OK",
  304: "Not Modified",
  400: "Bad Request",
  401: "Unauthorized",
  404: "Not Found",
  405: "Method Not Allowed",
  422: "Unprocessable Entity",
  429: "Too Many Requests",
  500: "Internal Server Error",
  502: "Bad Gateway",
  503: "Service Unavailable",
  504: "Gateway Timeout",
};

export class Connection {
  readonly #socket: Socket<unknown>;
  readonly #parser = new HttpParser();
  readonly #handler: ConnectionHandler;
  #reply: Reply | null = null;
  /** Written by us, not yet taken by the kernel. */
  #unsent: Buffer | null = null;
  /** Written after `#unsent`. Joined only when its turn comes: a slow reader can let thousands of events pile up. */
  #later: string[] = [];
  #draining = false;
  #closing = false;
  #closed = false;

  constructor(socket: Socket<unknown>, handler: ConnectionHandler) {
    this.#socket = socket;
    this.#handler = handler;
  }

  /** Ends the connection once the answer under way is complete. */
  drain(): void {
    this.#draining = true;
    if (this.#reply === null) this.close();
  }

  onData(bytes: Buffer): void {
    this.#parser.push(bytes);
    if (this.#reply === null) this.#serveNext();
  }

  onDrain(): void {
    while (this.#unsent !== null) {
      const written = Math.max(0, this.#socket.write(this.#unsent));
      if (written < this.#unsent.length) {
        this.#unsent = this.#unsent.subarray(written);
        return;
      }
      this.#unsent = this.#later.length === 0 ? null : Buffer.from(this.#later.join(""));
      this.#later = [];
    }
    if (this.#closing) this.#socket.end();
  }

  /** The client left, or the connection broke: the request under way is told. */
  onClose(): void {
    this.#closed = true;
    this.#unsent = null;
    this.#later = [];
    const reply = this.#reply;
    this.#reply = null;
    reply?.gone();
  }

  write(text: string): void {
    if (this.#closed) return;
    if (this.#unsent !== null) {
      this.#later.push(text);
      return;
    }
    const written = Math.max(0, this.#socket.write(text));
    // A full kernel buffer is rare: only then is the text turned into bytes here.
    if (written < Buffer.byteLength(text)) this.#unsent = Buffer.from(text).subarray(written);
  }

  /** The answer is complete: on to the next request, which may already be here. */
  done(keepAlive: boolean): void {
    this.#reply = null;
    if (!keepAlive || this.#draining) this.close();
    else if (this.#parser.buffered > 0) queueMicrotask(() => this.#serveNext());
  }

  /** Ends the connection after what has been written. */
  close(): void {
    this.#closing = true;
    if (this.#unsent === null && !this.#closed) this.#socket.end();
  }

  /** RST: what has not been sent is lost. */
  reset(): void {
    this.#socket.terminate();
  }

  #serveNext(): void {
    if (this.#closed || this.#closing || this.#reply !== null) return;
    const result = this.#parser.next();
    switch (result.kind) {
      case "more":
        if (result.continue) this.write("HTTP/1.1 100 Continue\r\n\r\n");
        return;
      case "bad":
        this.write(head(400, "text/plain; charset=utf-8", "Invalid HTTP request received.".length, false));
        this.write("Invalid HTTP request received.");
        this.close();
        return;
      case "request": {
        const reply = new Reply(this, result.request.keepAlive);
        this.#reply = reply;
        this.#handler(result.request, reply);
      }
    }
  }
}

/** The answer to one request: either `send`, or `start`, any number of `event`s and `end`. */
export class Reply {
  readonly #connection: Connection;
  readonly #keepAlive: boolean;
  #finished = false;
  /** Called once when the client leaves before the answer is complete. */
  onGone: () => void = () => {};
  /** Called once when the answer is complete or can never be. */
  onSettled: () => void = () => {};

  constructor(connection: Connection, keepAlive: boolean) {
    this.#connection = connection;
    this.#keepAlive = keepAlive;
  }

  get finished(): boolean {
    return this.#finished;
  }

  send(status: number, contentType: string, body: string): void {
    if (this.#finished) return;
    // A 304 has no body, and this server closes after it.
    const keepAlive = this.#keepAlive && status !== 304;
    const text = status === 304 ? "" : body;
    this.#connection.write(head(status, contentType, Buffer.byteLength(text), keepAlive) + text);
    this.#finish(keepAlive);
  }

  start(contentType: string): void {
    this.#connection.write(head(200, contentType, null, this.#keepAlive));
  }

  /** `text` must be ASCII: its length is taken for its bytes. */
  asciiChunk(text: string): void {
    if (!this.#finished) this.#connection.write(`${text.length.toString(16)}\r\n${text}\r\n`);
  }

  chunk(text: string): void {
    if (!this.#finished) this.#connection.write(`${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`);
  }

  end(): void {
    if (this.#finished) return;
    this.#connection.write("0\r\n\r\n");
    this.#finish(this.#keepAlive);
  }

  /** Closes without the last chunk: the client sees a truncated body. */
  cut(): void {
    if (this.#finished) return;
    this.#finish(false);
  }

  reset(): void {
    if (this.#finished) return;
    this.#finished = true;
    this.#connection.reset();
    this.onSettled();
  }

  gone(): void {
    if (this.#finished) return;
    this.#finished = true;
    this.onGone();
    this.onSettled();
  }

  #finish(keepAlive: boolean): void {
    this.#finished = true;
    this.#connection.done(keepAlive);
    this.onSettled();
  }
}

/** `bodyBytes` null: chunked. Names and order as uvicorn sends them. */
function head(status: number, contentType: string, bodyBytes: number | null, keepAlive: boolean): string {
  const framing = bodyBytes === null ? "" : `content-length: ${bodyBytes}\r\n`;
  const type = contentType === "" ? "" : `content-type: ${contentType}\r\n`;
  const chunked = bodyBytes === null ? "transfer-encoding: chunked\r\n" : "";
  const close = keepAlive ? "" : "connection: close\r\n";
  return `HTTP/1.1 ${status} ${REASONS[status] ?? "Unknown"}\r\ndate: ${httpDate()}\r\nserver: uvicorn\r\n${framing}${type}${chunked}${close}\r\n`;
}

let dateText = "";
let dateSecond = 0;

/** Built once a second. */
function httpDate(): string {
  const second = Math.floor(Date.now() / 1000);
  if (second !== dateSecond) {
    dateSecond = second;
    dateText = new Date(second * 1000).toUTCString();
  }
  return dateText;
}
