/** A client on raw TCP: sends bytes as they are and keeps what comes back. */
import type { Socket } from "bun";

export class RawClient {
  received = "";
  receivedBytes = 0;
  closed = false;
  /** The connection was reset rather than closed. */
  wasReset = false;
  readonly #socket: Socket;
  readonly #waiting = new Set<() => void>();
  readonly #unsent: Buffer[] = [];

  private constructor(socket: Socket) {
    this.#socket = socket;
  }

  static async connect(port: number, options: { readonly keep?: boolean } = {}): Promise<RawClient> {
    const { keep = true } = options;
    let client: RawClient | null = null;
    const socket = await Bun.connect({
      hostname: "127.0.0.1",
      port,
      socket: {
        data: (_, bytes) => {
          if (client === null) return;
          client.receivedBytes += bytes.length;
          if (keep) client.received += bytes.toString("latin1");
          client.#changed();
        },
        drain: () => client?.send(""),
        close: () => {
          if (client !== null) client.#close();
        },
        error: (_, error) => {
          if (client !== null && "code" in error && error.code === "ECONNRESET") client.wasReset = true;
        },
      },
    });
    client = new RawClient(socket);
    return client;
  }

  /** latin1. */
  send(text: string | Uint8Array): void {
    if (text.length > 0) this.#unsent.push(typeof text === "string" ? Buffer.from(text, "latin1") : Buffer.from(text));
    while (this.#unsent[0] !== undefined && !this.closed) {
      const written = Math.max(0, this.#socket.write(this.#unsent[0]));
      if (written < this.#unsent[0].length) {
        this.#unsent[0] = this.#unsent[0].subarray(written);
        return;
      }
      this.#unsent.shift();
    }
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  halfClose(): void {
    this.#socket.shutdown();
  }

  end(): void {
    this.#socket.end();
  }

  /** RST. */
  reset(): void {
    this.#socket.terminate();
  }

  /** Resolves with all that came once the condition holds. */
  async until(condition: (client: RawClient) => boolean, what: string, limitMs = 3000): Promise<string> {
    const endAt = performance.now() + limitMs;
    while (!condition(this)) {
      const leftMs = endAt - performance.now();
      if (leftMs <= 0)
        throw new Error(`${what} did not happen within ${limitMs} ms; got ${JSON.stringify(this.received)}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs);
        this.#waiting.add(() => {
          clearTimeout(timer);
          resolve();
        });
      });
      this.#waiting.clear();
    }
    return this.received;
  }

  /** Until the server closes. */
  untilClosed(limitMs = 3000): Promise<string> {
    return this.until(({ closed }) => closed, "the close", limitMs);
  }

  /** Until so many complete answers with Content-Length or chunked coding are there. */
  untilAnswers(count: number, limitMs = 3000): Promise<string> {
    return this.until(
      ({ received, closed }) => closed || answers(received).length >= count,
      `${count} answers`,
      limitMs,
    );
  }

  #close(): void {
    this.closed = true;
    this.#changed();
  }

  #changed(): void {
    for (const wake of this.#waiting) wake();
  }
}

export interface RawAnswer {
  readonly status: number;
  readonly head: string;
  readonly body: string;
}

/** The complete answers in a stream of bytes; interim ones are left out. */
export function answers(text: string): readonly RawAnswer[] {
  const found: RawAnswer[] = [];
  let at = 0;
  for (;;) {
    const headEnd = text.indexOf("\r\n\r\n", at);
    if (headEnd < 0) return found;
    const head = text.slice(at, headEnd);
    const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(head)?.[1] ?? 0);
    const length = /^content-length: *(\d+)/im.exec(head)?.[1];
    let end = headEnd + 4 + Number(length ?? 0);
    let body = text.slice(headEnd + 4, end);
    if (/^transfer-encoding: *chunked/im.test(head)) {
      const chunked = readChunks(text, headEnd + 4);
      if (chunked === null) return found;
      ({ body, end } = chunked);
    }
    if (text.length < end) return found;
    if (status >= 200) found.push({ status, head, body });
    at = end;
  }
}

function readChunks(text: string, from: number): { readonly body: string; readonly end: number } | null {
  let body = "";
  let at = from;
  for (;;) {
    const lineEnd = text.indexOf("\r\n", at);
    if (lineEnd < 0) return null;
    const size = Number.parseInt(text.slice(at, lineEnd), 16);
    if (text.length < lineEnd + 4 + size) return null;
    if (size === 0) return { body, end: lineEnd + 4 };
    body += text.slice(lineEnd + 2, lineEnd + 2 + size);
    at = lineEnd + 4 + size;
  }
}

/** Sends `bytes` on a connection of its own; resolves with the first answer, or null when the server closed without one. */
export async function ask(port: number, bytes: string | Uint8Array, limitMs = 3000): Promise<RawAnswer | null> {
  const client = await RawClient.connect(port);
  client.send(bytes);
  const text = await client.untilAnswers(1, limitMs);
  client.end();
  return answers(text)[0] ?? null;
}

const CHAT = "/v1/chat/completions";

/** A whole chat request. `fields` without line ends. */
export function chat(body = '{"messages":[]}', fields: readonly string[] = [], target = CHAT): string {
  const head = [`POST ${target} HTTP/1.1`, "Host: router", `Content-Length: ${Buffer.byteLength(body)}`, ...fields];
  return `${head.join("\r\n")}\r\n\r\n${body}`;
}
