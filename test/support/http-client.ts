/** A plain HTTP/1.1 client for tests and the soak: raw bytes out, one answer back, and it can leave whenever it likes. */
import { AnswerParser } from "./answer-parser.ts";

export interface HttpAnswer {
  /** 0: the connection ended before there was a head. */
  readonly status: number;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Buffer;
  readonly text: string;
  /** Ended as its framing says, not by a broken connection. */
  readonly complete: boolean;
  /** The first value of a field; empty when absent. */
  header(lowerName: string): string;
}

export interface HttpRequest {
  readonly method?: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

export class HttpConnection implements Disposable {
  readonly #socket: Bun.Socket;
  #parser: AnswerParser | null = null;
  #settle: (complete: boolean) => void = () => undefined;
  #unsent: Uint8Array = new Uint8Array(0);
  open = true;

  private constructor(socket: Bun.Socket) {
    this.#socket = socket;
  }

  static async connect(port: number): Promise<HttpConnection> {
    let connection: HttpConnection | null = null;
    const closed = (): void => connection?.leave();
    const socket = await Bun.connect({
      hostname: "127.0.0.1",
      port,
      socket: {
        data: (_, bytes) => connection?.received(bytes),
        drain: () => connection?.write(new Uint8Array(0)),
        end: closed,
        close: closed,
        error: closed,
        connectError: () => undefined,
      },
    });
    socket.setNoDelay(true);
    connection = new HttpConnection(socket);
    return connection;
  }

  /** Resolves when the answer or the connection has ended; `onData` is told of the body as it comes. */
  send(request: string | Uint8Array, onData?: (chunk: Buffer) => void): Promise<HttpAnswer> {
    const parser = new AnswerParser(onData);
    this.#parser = parser;
    return new Promise((resolve) => {
      this.#settle = (complete) => {
        this.#parser = null;
        resolve(toAnswer(parser, complete));
      };
      if (this.open) this.write(typeof request === "string" ? Buffer.from(request, "latin1") : request);
      else this.#settle(false);
    });
  }

  ask(request: HttpRequest, onData?: (chunk: Buffer) => void): Promise<HttpAnswer> {
    return this.send(encodeRequest(request), onData);
  }

  /** Takes no more bytes: the sender feels it when the buffers between are full. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** Closes at once, in the middle of whatever there is. */
  leave(): void {
    this.#socket.terminate();
    this.#closed();
  }

  [Symbol.dispose](): void {
    this.leave();
  }

  private received(bytes: Buffer): void {
    const parser = this.#parser;
    if (parser === null) return;
    // Kept beyond the callback, whose buffer is used again.
    parser.feed(Buffer.from(bytes));
    if (parser.done) this.#settle(true);
  }

  #closed(): void {
    if (!this.open) return;
    this.open = false;
    const parser = this.#parser;
    if (parser !== null) this.#settle(parser.untilClose);
  }

  private write(bytes: Uint8Array): void {
    const all = this.#unsent.length === 0 ? bytes : Buffer.concat([this.#unsent, bytes]);
    if (all.length === 0) return;
    const written = Math.max(0, this.#socket.write(all));
    this.#unsent = all.subarray(written);
  }
}

/** One request on a connection of its own. */
export async function ask(port: number, request: HttpRequest): Promise<HttpAnswer> {
  using connection = await HttpConnection.connect(port);
  return await connection.ask(request);
}

/** Sends raw bytes on a connection of its own; resolves when the answer or the connection has ended. */
export async function askRaw(port: number, bytes: string | Uint8Array): Promise<HttpAnswer> {
  using connection = await HttpConnection.connect(port);
  return await connection.send(bytes);
}

export function postJson(path: string, value: object): HttpRequest {
  return { path, headers: { "content-type": "application/json" }, body: JSON.stringify(value) };
}

function encodeRequest({ method, path, headers = {}, body }: HttpRequest): Buffer {
  const bytes = Buffer.from(body ?? "");
  let head = `${method ?? (body === undefined ? "GET" : "POST")} ${path} HTTP/1.1\r\nhost: router\r\n`;
  for (const [name, value] of Object.entries(headers)) head += `${name}: ${value}\r\n`;
  if (body !== undefined) head += `content-length: ${bytes.length}\r\n`;
  return Buffer.concat([Buffer.from(`${head}\r\n`, "latin1"), bytes]);
}

function toAnswer(parser: AnswerParser, complete: boolean): HttpAnswer {
  const body = Buffer.concat(parser.parts);
  const { status, headers } = parser;
  return {
    status,
    headers,
    body,
    get text() {
      return body.toString();
    },
    complete,
    header: (lowerName) => headers.find(([name]) => name === lowerName)?.[1] ?? "",
  };
}
