/**
 * One TCP connection to an instance: writes a request with back-pressure, hands on what is received.
 * It carries one exchange at a time (its `user`); between two it lies in connection-pool.ts.
 */
import type { Socket } from "bun";
import { MAX_POSTED_BYTES, outbox, type Sender } from "../lib/outbox.ts";
import type { Origin } from "./origin.ts";
import { ResponseReader } from "./response-reader.ts";

/** Who has the connection now. */
export interface ConnectionUser {
  onBytes(bytes: Buffer): void;
  /** The peer closed, or the socket broke. Nothing follows. */
  onClosed(detail: string): void;
}

export class Connection implements Sender {
  readonly #socket: Socket<Connection>;
  /** Of the answers that come on it. */
  readonly reader = new ResponseReader();
  #user: ConnectionUser | null = null;
  #unsent: Uint8Array[] = [];
  #open = true;
  #paused = false;
  /** It has lain in the pool: its end may be the instance's idle limit, and say nothing of the request. */
  reused = false;
  /** When it was put back into the pool, on the client's clock. */
  idleSince = 0;
  /** Told when the connection ends while nobody uses it. */
  onIdleClose: ((connection: Connection) => void) | null = null;

  constructor(socket: Socket<Connection>) {
    this.#socket = socket;
    socket.data = this;
  }

  get open(): boolean {
    return this.#open;
  }

  /** A part of the request waits for the instance to read it. */
  get isSending(): boolean {
    return this.#unsent.length > 0;
  }

  use(user: ConnectionUser): void {
    this.#user = user;
  }

  /** Ends the use: what still comes belongs to nobody. A connection in the pool is never paused. */
  release(): void {
    this.#user = null;
    this.reader.stop();
    this.resume();
  }

  /** At the end of the turn, in one write, unless it is long. */
  send(head: string, body: Uint8Array): void {
    const length = head.length + body.length;
    if (length > MAX_POSTED_BYTES) {
      this.#write(Buffer.from(head, "latin1"));
      this.#write(body);
      return;
    }
    const start = outbox.reserve(length);
    outbox.bytes.write(head, start, head.length, "latin1");
    outbox.bytes.set(body, start + head.length);
    outbox.post(this, start + length);
  }

  sendPosted(bytes: Buffer, start: number, end: number): void {
    if (!this.#open) return;
    const written = Math.max(0, this.#socket.write(bytes, start, end - start));
    if (written < end - start) this.#unsent.push(Buffer.from(bytes.subarray(start + written, end)));
  }

  pause(): void {
    if (this.#paused || this.#user === null) return;
    this.#paused = true;
    this.#socket.pause();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#socket.resume();
  }

  /** Closes at once; the user is not told. */
  destroy(): void {
    this.#user = null;
    if (!this.#open) return;
    this.#open = false;
    this.#socket.terminate();
  }

  received(bytes: Buffer): void {
    // Bytes that no request asked for: the connection cannot be trusted (fault U14).
    if (this.#user === null) this.#end("unrequested bytes");
    else this.#user.onBytes(bytes);
  }

  drained(): void {
    const waiting = this.#unsent;
    this.#unsent = [];
    for (const bytes of waiting) this.#write(bytes);
  }

  closed(detail: string): void {
    this.#end(detail);
  }

  #end(detail: string): void {
    if (!this.#open) return;
    this.#open = false;
    this.#socket.terminate();
    const user = this.#user;
    this.#user = null;
    if (user !== null) user.onClosed(detail);
    else this.onIdleClose?.(this);
  }

  #write(bytes: Uint8Array): void {
    if (this.#unsent.length > 0) {
      this.#unsent.push(bytes);
      return;
    }
    const written = this.#socket.write(bytes);
    if (written < bytes.length) this.#unsent.push(written > 0 ? bytes.subarray(written) : bytes);
  }
}

/** Opens a connection. Rejects when there is none to be had; it knows no time limit. */
export async function connect(origin: Origin): Promise<Connection> {
  const socket = await Bun.connect<Connection>({
    hostname: origin.host,
    port: origin.port,
    tls: origin.tls,
    socket: HANDLERS,
  });
  socket.setNoDelay(true);
  socket.setKeepAlive(true, 30_000);
  return new Connection(socket);
}

const HANDLERS = {
  binaryType: "buffer" as const,
  data(socket: Socket<Connection>, bytes: Buffer): void {
    socket.data.received(bytes);
  },
  drain(socket: Socket<Connection>): void {
    socket.data?.drained();
  },
  end(socket: Socket<Connection>): void {
    socket.data?.closed("closed by the instance");
  },
  close(socket: Socket<Connection>): void {
    socket.data?.closed("closed");
  },
  error(socket: Socket<Connection>, error: Error): void {
    // Bun brings here what our own callbacks throw, too. That must be seen, and not be laid to the instance alone.
    if (!isSystemError(error)) queueMicrotask(() => reraise(error));
    socket.data?.closed(errorCode(error));
  },
  // Without this handler a refused connection is logged as an unhandled error.
  connectError(): void {},
};

function isSystemError(error: Error): boolean {
  return "code" in error && typeof error.code === "string" && /^E[A-Z0-9]+$/.test(error.code);
}

function reraise(error: Error): never {
  throw error;
}

/** `ECONNREFUSED` and the like: never the message, which holds the address. */
export function errorCode(error: unknown): string {
  if (error instanceof Error && "code" in error && typeof error.code === "string") return error.code;
  return "connection error";
}
