/**
 * One connection of a client: finds requests in what it sends, one at a time, and sends the answers back in order. Made by raw-front.ts.
 *
 *   waiting -> head -> request -> waiting ... -> closing -> closed
 *
 * What follows a request under way is kept until that is answered, up to a limit; then the socket is not read any more.
 */
import type { Socket } from "bun";
import type { Slot } from "../../lib/live-set.ts";
import { RouterError } from "../../errors.ts";
import { outbox, type Sender } from "../../lib/outbox.ts";
import { respondError } from "../../proxy/respond.ts";
import { IDLE_CONNECTION_SECS, plainAddress, type FrontOptions } from "../front.ts";
import { findRequest } from "./find-request.ts";
import { IncomingBody } from "./incoming-body.ts";
import { type AnswerConnection, RawDownstream } from "./raw-downstream.ts";
import { RequestHeadReader, type RequestHead } from "./request-head.ts";

/** From its first byte to its last (fault L01). */
const HEAD_MS = 10_000;
/** Bytes of later requests that are kept while one is answered, and of a body that nobody wants yet. */
const MAX_HELD_BYTES = 64 * 1024;
/** How long a client may take to close its half after the last answer. */
const LINGER_MS = 2000;
const CONTINUE = Buffer.from("HTTP/1.1 100 Continue\r\n\r\n");

type State = "waiting" | "head" | "request" | "closing" | "closed";

export class ClientConnection implements AnswerConnection, Sender {
  readonly #socket: Socket<Slot<ClientConnection>>;
  readonly #options: FrontOptions;
  readonly #heads = new RequestHeadReader();
  readonly peer: string;
  #state: State = "waiting";
  #held: Buffer | null = null;
  #body: IncomingBody | null = null;
  #client: RawDownstream | null = null;
  #unsent: Buffer[] = [];
  /** Messages that lie in the outbox. */
  #posted = 0;
  #paused = false;
  /** When the present state has lasted too long. A body has its own clock. */
  #dueAt: number;

  constructor(socket: Socket<Slot<ClientConnection>>, options: FrontOptions) {
    this.#socket = socket;
    this.#options = options;
    this.peer = plainAddress(socket.remoteAddress);
    this.#dueAt = options.now() + IDLE_CONNECTION_SECS * 1000;
  }

  get isLast(): boolean {
    return this.#options.isDraining();
  }

  /** A part of an answer waits for the end of the turn, or for the client to read it. */
  get isSending(): boolean {
    return this.#posted > 0 || this.#unsent.length > 0;
  }

  get isIdle(): boolean {
    return this.#state === "waiting" && !this.isSending;
  }

  received(bytes: Buffer): void {
    try {
      this.#read(bytes);
    } catch (error) {
      // No public path may end the thread: a mistake of ours costs this connection.
      this.#options.crashed(error);
      this.closed();
    }
  }

  #read(bytes: Buffer): void {
    switch (this.#state) {
      case "waiting":
      case "head":
        this.#find(this.#held === null ? bytes : Buffer.concat([this.#held, bytes]));
        return;
      case "request":
        this.#continueRequest(bytes, 0);
        return;
      case "closing":
      case "closed":
        return;
    }
  }

  drained(): void {
    while (this.#unsent.length > 0) {
      const [first] = this.#unsent;
      if (first === undefined) break;
      const written = this.#socket.write(first);
      if (this.#state === "closing") this.#dueAt = this.#options.now() + IDLE_CONNECTION_SECS * 1000;
      if (written < first.length) {
        if (written > 0) this.#unsent[0] = first.subarray(written);
        return;
      }
      this.#unsent.shift();
    }
    if (this.#state === "closing") this.#linger();
    else this.#client?.watcher?.drained();
  }

  /** The client closed its half, or the socket broke. */
  closed(): void {
    if (this.#state === "closed") return;
    // A reset would take with it what the kernel still holds of the last answer.
    if (this.#state === "closing" && this.#unsent.length === 0) this.#socket.end();
    else this.#socket.terminate();
    this.#state = "closed";
    this.#held = null;
    this.#unsent = [];
    const client = this.#client;
    this.#client = null;
    client?.left();
  }

  /** Called regularly: ends what takes too long. */
  checkClock(now: number): void {
    if (this.#state === "request") {
      const body = this.#body;
      if (body !== null && !body.complete && body.unasked === 0 && now >= body.dueAt) {
        body.fail(new RouterError("body_timeout", "at least 1024 bytes a second are wanted"));
      }
    } else if (now >= this.#dueAt) {
      if (this.#state === "closing") this.closed();
      else this.close();
    }
  }

  /**
   * Says that no more answers come, and waits for the client to close, too; reading on meanwhile, so that no reset overtakes the last
   * answer.
   */
  close(): void {
    this.sendPosts();
    this.#state = "closing";
    this.#held = null;
    this.#resume();
    if (this.#unsent.length === 0) this.#linger();
    else this.#dueAt = this.#options.now() + IDLE_CONNECTION_SECS * 1000;
  }

  #linger(): void {
    this.#dueAt = this.#options.now() + LINGER_MS;
    this.#socket.shutdown();
  }

  post(end: number): void {
    if (this.#state === "closed") return;
    this.#posted++;
    outbox.post(this, end);
  }

  sendPosted(bytes: Buffer, start: number, end: number): void {
    this.#posted--;
    this.send(bytes, start, end);
  }

  sendPosts(): void {
    if (this.#posted > 0) outbox.flush();
  }

  send(bytes: Buffer, start: number, end: number): boolean {
    if (this.#state === "closed") return true;
    const written = this.#unsent.length === 0 ? Math.max(0, this.#socket.write(bytes, start, end - start)) : 0;
    if (written === end - start) return true;
    this.#unsent.push(Buffer.from(bytes.subarray(start + written, end)));
    return false;
  }

  sendContinue(): void {
    this.sendPosts();
    this.send(CONTINUE, 0, CONTINUE.length);
  }

  resumeBody(): void {
    this.#resume();
  }

  answered(keepAlive: boolean): void {
    this.#client = null;
    this.#body = null;
    if (this.#state !== "request") return;
    if (!keepAlive) {
      this.close();
      return;
    }
    this.#state = "waiting";
    this.#dueAt = this.#options.now() + IDLE_CONNECTION_SECS * 1000;
    const held = this.#held;
    this.#held = null;
    this.#resume();
    // In a turn of its own: a thousand held requests must not become a thousand calls deep.
    if (held !== null) queueMicrotask(() => this.received(held));
  }

  broken(byReset: boolean): void {
    this.sendPosts();
    this.#client = null;
    // Without a last chunk the client knows that the answer is cut: what the socket has taken can still go out.
    if (this.#unsent.length > 0) this.closed();
    else if (byReset) this.#resetSoon();
    else this.close();
  }

  /** A full turn later, or the reset overtakes what was flushed in this one. */
  #resetSoon(): void {
    this.#client = null;
    setImmediate(() =>
      setImmediate(() => {
        if (this.#state !== "closed") this.#socket.terminate();
        this.closed();
      }),
    );
  }

  #find(bytes: Buffer): void {
    const found = findRequest(bytes, this.#heads);
    this.#held = null;
    switch (found.kind) {
      case "request":
        this.#begin(found.head, bytes, found.end);
        return;
      case "part":
        this.#held = bytes;
        if (this.#state === "waiting") this.#dueAt = this.#options.now() + HEAD_MS;
        this.#state = "head";
        return;
      case "refused":
        this.#refuse(found.error);
    }
  }

  /** What follows the head begins at `at`. */
  #begin(head: RequestHead, bytes: Buffer, at: number): void {
    this.#state = "request";
    const body = new IncomingBody(head.framing, this.#options.now());
    const client = new RawDownstream(head, body, this);
    this.#body = body;
    this.#client = client;
    if (at < bytes.length) this.#continueRequest(bytes, at);
    this.#options.accept(client);
  }

  #continueRequest(bytes: Buffer, at: number): void {
    const end = this.#body === null ? at : this.#body.push(bytes, at, this.#options.now());
    if (end < bytes.length) {
      const rest = bytes.subarray(end);
      this.#held = this.#held === null ? rest : Buffer.concat([this.#held, rest]);
    }
    if ((this.#held?.length ?? 0) > MAX_HELD_BYTES || (this.#body?.unasked ?? 0) > MAX_HELD_BYTES) this.#pause();
  }

  /** Answers what is no request, and closes. */
  #refuse(error: RouterError): void {
    this.#state = "request";
    const body = new IncomingBody({ kind: "length", bytes: 0 }, this.#options.now());
    respondError(new RawDownstream(NO_REQUEST, body, this), error, this.#options.random);
  }

  #pause(): void {
    if (this.#paused || this.#state !== "request") return;
    this.#paused = true;
    this.#socket.pause();
  }

  #resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#socket.resume();
  }
}

/** Stands in for a request whose head could not be read. */
const NO_REQUEST: RequestHead = {
  method: "",
  path: "",
  query: "",
  http10: false,
  headers: [],
  lowerNames: [],
  framing: { kind: "length", bytes: 0 },
  keepAlive: false,
  waitsForContinue: false,
};
