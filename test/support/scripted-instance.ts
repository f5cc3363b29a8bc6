/** An instance whose every byte the test decides: healthy for probes, all else goes to the script. For what no mock engine would do. */
export interface ScriptedRequest {
  /** Request line and fields. */
  readonly head: string;
  readonly body: Buffer;
  /** The connection it came on: write, end, terminate. */
  readonly socket: Bun.Socket<ConnectionState>;
  /** Resolves with the time at which the router closed the connection. */
  readonly closed: Promise<number>;
}

export type Script = (request: ScriptedRequest) => void | Promise<void>;

interface ConnectionState {
  received: Buffer;
  readonly closed: PromiseWithResolvers<number>;
}

const HEALTHY = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

export class ScriptedInstance implements Disposable {
  readonly #listener: Bun.TCPSocketListener<ConnectionState>;
  readonly #script: Script;
  /** Requests that the script was given. */
  requests = 0;

  constructor(script: Script) {
    this.#script = script;
    const closed = (socket: Bun.Socket<ConnectionState>): void => socket.data.closed.resolve(performance.now());
    this.#listener = Bun.listen<ConnectionState>({
      hostname: "127.0.0.1",
      port: 0,
      socket: {
        open: (socket) => {
          socket.setNoDelay(true);
          socket.data = { received: Buffer.alloc(0), closed: Promise.withResolvers() };
        },
        data: (socket, bytes) => this.#received(socket, bytes),
        end: closed,
        close: closed,
        error: closed,
      },
    });
  }

  get port(): number {
    return this.#listener.port;
  }

  /** The process is gone: the port is closed, connections are reset. */
  die(): void {
    this.#listener.stop(true);
  }

  [Symbol.dispose](): void {
    this.die();
  }

  #received(socket: Bun.Socket<ConnectionState>, bytes: Buffer): void {
    const received = Buffer.concat([socket.data.received, bytes]);
    socket.data.received = received;
    const headEnd = received.indexOf("\r\n\r\n");
    if (headEnd < 0) return;
    const head = received.toString("latin1", 0, headEnd);
    const length = Number(/^content-length: (\d+)$/im.exec(head)?.[1] ?? 0);
    if (received.length < headEnd + 4 + length) return;
    socket.data.received = received.subarray(headEnd + 4 + length);
    if (head.startsWith("GET /health ")) {
      socket.write(HEALTHY);
      return;
    }
    this.requests++;
    const body = received.subarray(headEnd + 4, headEnd + 4 + length);
    void this.#script({ head, body, socket, closed: socket.data.closed.promise });
  }
}

export const STREAM_HEAD = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";

export function chunk(data: string | Uint8Array): Buffer {
  const bytes = Buffer.from(data);
  return Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from("\r\n")]);
}

export function wholeAnswerBytes(body: string | Uint8Array, fields = "content-type: application/json\r\n"): Buffer {
  const bytes = Buffer.from(body);
  return Buffer.concat([Buffer.from(`HTTP/1.1 200 OK\r\n${fields}content-length: ${bytes.length}\r\n\r\n`), bytes]);
}
