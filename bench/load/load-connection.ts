/** One client connection of the generator: sends prepared requests, one at a time, and finds the end of each answer. */
import type { Socket } from "bun";
import { clockNs } from "./clock.ts";
import { eachStamp } from "./event.ts";
import { fieldOf, headEnd, readHead } from "./http-head.ts";

/** Told what happens; times in nanoseconds. */
export interface LoadObserver {
  firstByte(intendedAt: number, now: number): void;
  answered(connection: LoadConnection, intendedAt: number, now: number): void;
  event(ageNs: number): void;
  /** `what` happened: a status line, or how the connection broke. */
  failed(connection: LoadConnection | null, what: string): void;
}

const LAST_CHUNK = Buffer.from("0\r\n\r\n");
const STATUS_AT = "HTTP/1.1 ".length;
const DIGIT_2 = 50;
const EMPTY = Buffer.alloc(0);

export class LoadConnection {
  readonly #observer: LoadObserver;
  #socket: Socket<LoadConnection> | null = null;
  #request: Buffer = EMPTY;
  #sent = 0;
  #intendedAt = 0;
  #head: Buffer | null = null;
  #phase: "idle" | "head" | "length" | "chunked" = "idle";
  #left = 0;
  #tail = EMPTY;
  #closesAfter = false;
  /** Size of the last answer that came whole in one read, head and body; 0 for none. */
  #wholeBytes = 0;

  constructor(observer: LoadObserver) {
    this.#observer = observer;
  }

  async open(host: string, port: number): Promise<void> {
    const socket = await Bun.connect<LoadConnection>({ hostname: host, port, data: this, socket: HANDLERS });
    socket.setNoDelay(true);
    this.#socket = socket;
  }

  send(request: Buffer, intendedAt: number): void {
    this.#request = request;
    this.#sent = 0;
    this.#intendedAt = intendedAt;
    this.#phase = "head";
    this.#write();
  }

  close(): void {
    const socket = this.#socket;
    this.#socket = null;
    socket?.terminate();
  }

  drained(): void {
    this.#write();
  }

  received(bytes: Buffer): void {
    if (this.#socket === null || this.#phase === "idle") return;
    const now = clockNs();
    if (this.#phase !== "head") {
      this.#receivedBody(bytes, now);
      return;
    }
    if (this.#head === null) this.#observer.firstByte(this.#intendedAt, now);
    // The same answer again, by its length and status: most of what a run receives.
    if (bytes.length === this.#wholeBytes && this.#head === null && bytes[STATUS_AT] === DIGIT_2) {
      this.#end(now);
      return;
    }
    const whole = this.#head === null ? bytes : Buffer.concat([this.#head, bytes]);
    const end = headEnd(whole);
    if (end < 0) {
      this.#head = Buffer.from(whole);
      return;
    }
    const hasLength = this.#begin(whole, end);
    // The head of a stream may come alone: its length says nothing of the answer's end.
    const isWhole = hasLength && whole === bytes && whole.length - end === this.#left && !this.#closesAfter;
    if (isWhole) this.#wholeBytes = bytes.length;
    this.#receivedBody(whole.subarray(end), now);
  }

  closed(): void {
    if (this.#socket === null) return;
    const what = this.#phase === "idle" ? "connection closed while idle" : "connection closed under a request";
    this.#socket = null;
    this.#phase = "idle";
    this.#observer.failed(this, what);
  }

  /** Whether the head names the length of what follows. */
  #begin(bytes: Buffer, end: number): boolean {
    const { text, contentLength } = readHead(bytes, end);
    this.#head = null;
    this.#tail = EMPTY;
    this.#closesAfter = fieldOf(text, "connection") === "close";
    if (!text.startsWith("http/1.1 200")) this.#observer.failed(null, text.slice(0, text.indexOf("\r\n")));
    this.#phase = contentLength === null ? "chunked" : "length";
    this.#left = contentLength ?? 0;
    return contentLength !== null;
  }

  #receivedBody(body: Buffer, now: number): void {
    if (this.#phase === "length") {
      this.#left -= body.length;
      if (this.#left <= 0) this.#end(now);
    } else if (body.length > 0) {
      eachStamp(body, (sentAt) => this.#observer.event(now - sentAt));
      const tail = body.length >= LAST_CHUNK.length ? body : Buffer.concat([this.#tail, body]);
      if (tail.subarray(-LAST_CHUNK.length).equals(LAST_CHUNK)) this.#end(now);
      else this.#tail = Buffer.from(tail.subarray(-LAST_CHUNK.length));
    }
  }

  #end(now: number): void {
    this.#phase = "idle";
    if (this.#closesAfter) this.closed();
    else this.#observer.answered(this, this.#intendedAt, now);
  }

  #write(): void {
    const socket = this.#socket;
    if (socket === null || this.#sent >= this.#request.length) return;
    const written = socket.write(this.#sent === 0 ? this.#request : this.#request.subarray(this.#sent));
    if (written > 0) this.#sent += written;
  }
}

const HANDLERS = {
  binaryType: "buffer" as const,
  data(socket: Socket<LoadConnection>, bytes: Buffer): void {
    socket.data.received(bytes);
  },
  drain(socket: Socket<LoadConnection>): void {
    socket.data.drained();
  },
  close(socket: Socket<LoadConnection>): void {
    socket.data.closed();
  },
  error(socket: Socket<LoadConnection>): void {
    socket.data.closed();
  },
  connectError(): void {},
};
