/**
 * One request to an instance and its answer: connect or reuse, send, read, end. Made by client.ts, held by proxy/forward.ts.
 *
 *   connecting -> waiting -> answering -> ended
 *
 * A request whose reused connection closes before the first byte of an answer is sent once more on a new connection: the instance
 * closed it while it was idle, and has not seen the request (RFC 9112 §9.3.1). That shows within a round trip; what closes later may have
 * been at work on the request.
 */
import type { Slot } from "../lib/live-set.ts";
import { type Connection, connect, errorCode, type ConnectionUser } from "./connection.ts";
import type { ConnectionPool } from "./connection-pool.ts";
import type { UpstreamFailure } from "./failure.ts";
import type { Origin } from "./origin.ts";
import type { ResponseHead } from "./response-head.ts";
import type { ResponseListener } from "./response-reader.ts";

export interface UpstreamRequest {
  readonly origin: Origin;
  /** Request line and fields with the empty line, latin1. */
  readonly head: string;
  readonly body: Uint8Array;
}

/** Told of the answer as it comes; ends with exactly one of `onEnd` and `onFailure`, unless aborted. */
export interface AnswerListener extends ResponseListener {
  /** All that one read brought has been told, and more will follow: the moment to pass it on. */
  onReadEnd(): void;
  onEnd(): void;
  onFailure(failure: UpstreamFailure): void;
}

/** Time limits of one exchange; 0 is off. */
export interface Clocks {
  readonly connectTimeoutMs: number;
  readonly firstByteTimeoutMs: number;
  /** Between two bytes of the answer. */
  readonly idleTimeoutMs: number;
  /** From the start to the last byte. */
  readonly totalTimeoutMs: number;
}

/** What an exchange needs of its client. */
export interface ExchangeHost {
  readonly clocks: Clocks;
  now(): number;
  pool(origin: Origin): ConnectionPool;
  ended(exchange: Exchange): void;
  /** A connection was opened: for metrics. */
  connected(): void;
}

/** A connection that ends this soon after the request had been closed before it. */
const STALE_CLOSE_MS = 1000;

type Phase = "connecting" | "waiting" | "answering" | "ended";

export class Exchange implements ConnectionUser, ResponseListener {
  /** Where its client has it among those under way. */
  slot: Slot<Exchange> | null = null;
  readonly #host: ExchangeHost;
  readonly #request: UpstreamRequest;
  readonly #listener: AnswerListener;
  readonly #clocks: Clocks;
  #connection: Connection | null = null;
  #phase: Phase = "connecting";
  readonly #startedAt: number;
  /** When something last moved: the clocks of connect, first byte and idle all count from here. */
  #movedAt: number;
  #paused = false;

  constructor(host: ExchangeHost, request: UpstreamRequest, listener: AnswerListener) {
    this.#host = host;
    this.#request = request;
    this.#listener = listener;
    this.#clocks = host.clocks;
    this.#startedAt = host.now();
    this.#movedAt = this.#startedAt;
  }

  start(): void {
    const idle = this.#host.pool(this.#request.origin).take();
    if (idle === null) void this.#dial();
    else this.#send(idle);
  }

  /** Stops reading: the instance feels it through TCP. The idle clock stands still meanwhile. */
  pause(): void {
    if (this.#phase !== "answering") return;
    this.#paused = true;
    this.#connection?.pause();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#movedAt = this.#host.now();
    this.#connection?.resume();
  }

  /** Gives up: closes the connection at once, so that the engine stops. The listener hears no more. */
  abort(): void {
    if (this.#phase === "ended") return;
    this.#finish();
    this.#connection?.destroy();
  }

  /** Fails the exchange when one of its clocks has run out. Called by the client's sweep. */
  checkClocks(now: number): void {
    const { connectTimeoutMs, firstByteTimeoutMs, idleTimeoutMs, totalTimeoutMs } = this.#clocks;
    const still = now - this.#movedAt;
    if (ranOut(now - this.#startedAt, totalTimeoutMs)) {
      this.#fail({ kind: "total-timeout", timeoutMs: totalTimeoutMs });
    } else if (this.#phase === "connecting" && ranOut(still, connectTimeoutMs)) {
      this.#fail({ kind: "connect-timeout", timeoutMs: connectTimeoutMs });
    } else if (this.#phase === "waiting" && ranOut(still, firstByteTimeoutMs)) {
      this.#fail({ kind: "first-byte-timeout", timeoutMs: firstByteTimeoutMs });
    } else if (this.#phase === "answering" && !this.#paused && ranOut(still, idleTimeoutMs)) {
      this.#fail({ kind: "idle-timeout", timeoutMs: idleTimeoutMs });
    }
  }

  onBytes(bytes: Buffer): void {
    this.#movedAt = this.#host.now();
    const state = this.#connection?.reader.feed(bytes);
    if (state === undefined) return;
    if (state.kind === "done") this.#complete();
    else if (state.kind === "broken") this.#fail({ kind: "invalid", detail: state.problem });
    else if (this.#phase === "answering") this.#listener.onReadEnd();
  }

  onHead(head: ResponseHead): void {
    this.#phase = "answering";
    this.#listener.onHead(head);
  }

  onData(bytes: Buffer, start: number, end: number): void {
    // The listener may abort in the middle of a read; nothing follows then.
    if (this.#phase === "answering") this.#listener.onData(bytes, start, end);
  }

  onClosed(detail: string): void {
    const connection = this.#connection;
    if (connection === null) return;
    if (this.#phase === "waiting" && !connection.reader.sawByte) {
      const sentMs = this.#host.now() - this.#movedAt;
      if (connection.reused && sentMs < STALE_CLOSE_MS) {
        this.#phase = "connecting";
        void this.#dial();
      } else {
        this.#fail({ kind: "closed-unanswered", detail });
      }
      return;
    }
    const state = connection.reader.close();
    if (state.kind === "done") this.#complete();
    else this.#fail({ kind: "cut", detail: state.kind === "broken" ? state.problem : detail });
  }

  async #dial(): Promise<void> {
    this.#movedAt = this.#host.now();
    let connection: Connection;
    try {
      connection = await connect(this.#request.origin);
    } catch (error) {
      // Expected on a network: the failure is handed on as a value.
      this.#fail({ kind: "connect", detail: errorCode(error) });
      return;
    }
    this.#host.connected();
    if (this.#phase === "connecting") this.#send(connection);
    else this.#host.pool(this.#request.origin).put(connection, this.#host.now());
  }

  #send(connection: Connection): void {
    this.#connection = connection;
    this.#phase = "waiting";
    this.#movedAt = this.#host.now();
    connection.reader.start(this);
    connection.use(this);
    connection.send(this.#request.head, this.#request.body);
  }

  #complete(): void {
    const connection = this.#connection;
    if (this.#phase === "ended" || connection === null) return;
    this.#finish();
    // An instance that answers before it has read the request may never read the rest.
    if (connection.reader.reusable && !connection.isSending)
      this.#host.pool(this.#request.origin).put(connection, this.#host.now());
    else connection.destroy();
    this.#listener.onEnd();
  }

  #fail(failure: UpstreamFailure): void {
    if (this.#phase === "ended") return;
    this.#finish();
    this.#connection?.destroy();
    this.#listener.onFailure(failure);
  }

  #finish(): void {
    this.#phase = "ended";
    this.#paused = false;
    this.#host.ended(this);
  }
}

function ranOut(elapsedMs: number, limitMs: number): boolean {
  return limitMs > 0 && elapsedMs >= limitMs;
}
