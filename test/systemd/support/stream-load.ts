/** Streams at a steady rate through one router, over raw sockets kept alive like a client library's pool, each with what became of it. */

export type Fate =
  /** 200 and a whole stream that ends in [DONE]. */
  | "complete"
  /** A whole answer with another status. */
  | "refused"
  /** The stream ended with an error event. */
  | "error event"
  /** No connection could be had. */
  | "no connection"
  /** A new connection closed with no byte of the answer. */
  | "unanswered"
  /** The connection closed in the middle. */
  | "cut";

export interface Stream {
  readonly startedAt: number;
  readonly fate: Fate;
}

interface Wire {
  readonly socket: Bun.Socket;
  text: string;
  closed: boolean;
  onChange: () => void;
}

const BODY = JSON.stringify({ model: "m", stream: true, messages: [{ role: "user", content: "x" }] });
const REQUEST = `POST /v1/chat/completions HTTP/1.1\r\nHost: router\r\nContent-Type: application/json\r\nContent-Length: ${BODY.length}\r\n\r\n${BODY}`;

export class StreamLoad {
  readonly streams: Stream[] = [];
  readonly #port: number;
  readonly #idle: Wire[] = [];
  readonly #running = new Set<Promise<void>>();
  #timer: Timer | null = null;

  constructor(port: number) {
    this.#port = port;
  }

  start(perSecond: number): void {
    const begunAt = performance.now();
    let begun = 0;
    this.#timer = setInterval(() => {
      const due = ((performance.now() - begunAt) / 1000) * perSecond;
      for (; begun < due; begun++) this.#begin();
    }, 5);
  }

  /** Resolves when all that was begun has ended. */
  async stop(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    await Promise.all(this.#running);
    for (const wire of this.#idle) wire.socket.terminate();
  }

  /** How many streams met which fate. */
  get fates(): Readonly<Partial<Record<Fate, number>>> {
    const groups = Map.groupBy(this.streams, ({ fate }) => fate);
    return Object.fromEntries([...groups].map(([fate, streams]) => [fate, streams.length]));
  }

  #begin(): void {
    const running = this.#run().finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  async #run(): Promise<void> {
    const startedAt = performance.now();
    let fate: Fate = "unanswered";
    // A connection that the server closed while it was idle says nothing: the request goes out again on another one (RFC 9112 §9.3.1).
    for (let reused = true; reused && fate === "unanswered";) {
      const idle = this.#takeIdle();
      reused = idle !== undefined;
      const wire = idle ?? (await dial(this.#port));
      fate = wire === null ? "no connection" : await exchange(wire);
      if (wire !== null) this.#putBack(wire);
    }
    this.streams.push({ startedAt, fate });
  }

  #takeIdle(): Wire | undefined {
    let wire = this.#idle.pop();
    while (wire?.closed === true) wire = this.#idle.pop();
    return wire;
  }

  #putBack(wire: Wire): void {
    if (!wire.closed && !/^connection: close/im.test(wire.text)) this.#idle.push(wire);
    else wire.socket.terminate();
  }
}

/** Null when it is refused. */
async function dial(port: number): Promise<Wire | null> {
  const wire = { text: "", closed: false, onChange: () => {} };
  const socket = await Bun.connect({
    hostname: "127.0.0.1",
    port,
    socket: {
      data(_, bytes) {
        wire.text += bytes.toString();
        wire.onChange();
      },
      close() {
        wire.closed = true;
        wire.onChange();
      },
    },
  }).catch(() => null);
  return socket === null ? null : Object.assign(wire, { socket });
}

async function exchange(wire: Wire): Promise<Fate> {
  wire.text = "";
  wire.socket.write(REQUEST);
  const { promise, resolve } = Promise.withResolvers<void>();
  wire.onChange = () => {
    if (wire.closed || isWhole(wire.text)) resolve();
  };
  wire.onChange();
  await promise;
  const { text } = wire;
  if (text === "") return "unanswered";
  if (text.includes('data: {"error"')) return "error event";
  if (!isWhole(text)) return "cut";
  return text.startsWith("HTTP/1.1 200") && text.includes("data: [DONE]") ? "complete" : "refused";
}

function isWhole(text: string): boolean {
  const headEnd = text.indexOf("\r\n\r\n");
  if (headEnd < 0) return false;
  const length = /^content-length: (\d+)/im.exec(text.slice(0, headEnd))?.[1];
  return length === undefined ? text.endsWith("\r\n0\r\n\r\n") : text.length >= headEnd + 4 + Number(length);
}

/** An engine whose streams take `streamMs`, in ten events. */
export function startEngine(streamMs: number): { readonly port: number; stop: () => void } {
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    idleTimeout: 0,
    fetch(request) {
      if (!request.url.endsWith("/completions")) return new Response("");
      const body = new ReadableStream({
        type: "direct",
        async pull(controller: ReadableStreamDirectController) {
          for (let i = 0; i < 10; i++) {
            void controller.write(`data: {"i":${i}}\n\n`);
            await controller.flush(true);
            await Bun.sleep(streamMs / 10);
          }
          void controller.write("data: [DONE]\n\n");
          controller.close();
        },
      });
      return new Response(body, { headers: { "content-type": "text/event-stream" } });
    },
  });
  return { port: server.port ?? 0, stop: () => void server.stop(true) };
}
