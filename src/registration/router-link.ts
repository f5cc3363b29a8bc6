/**
 * The client's connection to the router: connects, says hello, comes back after a loss with growing pauses, notices silence.
 * It knows nothing of instances; client.ts does. Timers and dice are arguments.
 */
import type { Socket } from "bun";
import type { Random } from "../lib/random.ts";
import { encodeFrame, FrameDecoder } from "./frames.ts";
import {
  type ClientMessage,
  parseRouterMessage,
  PROBLEMS,
  type ProblemCode,
  PROTOCOL_VERSION,
  type RouterMessage,
} from "./messages.ts";
import { Outbox } from "./outbox.ts";

export interface Timers {
  /** Runs `action` once after `delayMs`; returns how to take that back. */
  after(delayMs: number, action: () => void): () => void;
}

export const REAL_TIMERS: Timers = {
  after(delayMs, action) {
    const timer = setTimeout(action, delayMs);
    return () => clearTimeout(timer);
  },
};

export interface LinkOptions {
  readonly host: string;
  readonly port: number;
  readonly token: string | undefined;
  readonly timers: Timers;
  readonly random: Random;
}

export interface LinkEvents {
  /** Accepted: leases of an earlier connection are not known on this one. */
  onUp(heartbeatMs: number): void;
  onMessage(message: RouterMessage): void;
  onDown(reason: string, retryInMs: number): void;
  /** The router refuses this client for good; it is asked again all the same, since tokens are rotated. */
  onRefused(code: ProblemCode, message: string): void;
}

const MIN_RETRY_MS = 100;
const MAX_RETRY_MS = 5000;
/** From the start of connecting to the welcome. */
const WELCOME_TIMEOUT_MS = 5000;
const MAX_UNSENT_BYTES = 1024 * 1024;

export class RouterLink {
  readonly #options: LinkOptions;
  readonly #events: LinkEvents;
  #attempt: Attempt | null = null;
  #failures = 0;
  #cancelRetry: (() => void) | null = null;

  constructor(options: LinkOptions, events: LinkEvents) {
    this.#options = options;
    this.#events = events;
  }

  /** Begins to connect, unless that is under way. */
  start(): void {
    if (this.#attempt === null && this.#cancelRetry === null) this.#connect();
  }

  stop(): void {
    this.#cancelRetry?.();
    this.#cancelRetry = null;
    const attempt = this.#attempt;
    this.#attempt = null; // first, so that its end is not taken for a loss
    this.#failures = 0;
    attempt?.end();
  }

  get up(): boolean {
    return this.#attempt?.welcomed ?? false;
  }

  /** Has no effect while the link is down: whoever needs the message repeats it in `onUp`. */
  send(message: ClientMessage): void {
    if (this.#attempt?.welcomed === true) this.#attempt.send(message);
  }

  #connect(): void {
    const attempt: Attempt = new Attempt(this.#options, {
      onUp: (heartbeatMs) => {
        this.#failures = 0;
        this.#events.onUp(heartbeatMs);
      },
      onMessage: (message) => this.#events.onMessage(message),
      onRefused: (code, message) => this.#events.onRefused(code, message),
      onEnd: (reason) => {
        if (this.#attempt === attempt) this.#lost(reason);
      },
    });
    this.#attempt = attempt;
    attempt.begin();
  }

  #lost(reason: string): void {
    this.#attempt = null;
    const ceilingMs = Math.min(MAX_RETRY_MS, MIN_RETRY_MS * 2 ** this.#failures);
    const delayMs = Math.max(MIN_RETRY_MS, ceilingMs * (0.5 + this.#options.random() / 2));
    this.#failures = Math.min(this.#failures + 1, 16);
    this.#cancelRetry = this.#options.timers.after(delayMs, () => {
      this.#cancelRetry = null;
      this.#connect();
    });
    this.#events.onDown(reason, delayMs);
  }
}

interface AttemptEvents {
  onUp(heartbeatMs: number): void;
  onMessage(message: RouterMessage): void;
  onRefused(code: ProblemCode, message: string): void;
  /** Called once. */
  onEnd(reason: string): void;
}

/** One connection from its beginning to its end. */
class Attempt {
  readonly #options: LinkOptions;
  readonly #events: AttemptEvents;
  readonly #decoder = new FrameDecoder();
  #socket: Socket | null = null;
  #outbox: Outbox | null = null;
  #ended = false;
  #silenceMs = WELCOME_TIMEOUT_MS;
  #cancelSilence: () => void = () => {};
  welcomed = false;

  constructor(options: LinkOptions, events: AttemptEvents) {
    this.#options = options;
    this.#events = events;
  }

  begin(): void {
    this.#watchSilence();
    const { host, port, token } = this.#options;
    Bun.connect({
      hostname: host,
      port,
      socket: {
        open: (socket) => {
          this.#socket = socket;
          this.#outbox = new Outbox((bytes) => socket.write(bytes), MAX_UNSENT_BYTES);
          if (this.#ended) socket.terminate();
          else this.send({ t: "hello", version: PROTOCOL_VERSION, token, agent: "fd-router" });
        },
        data: (_, chunk) => this.#receive(chunk),
        drain: () => this.#outbox?.flush(),
        close: () => this.end("connection closed"),
        error: (_, error) => this.end(error.message),
      },
    }).catch((error: unknown) => this.end(error instanceof Error ? error.message : "connection failed"));
  }

  send(message: ClientMessage): void {
    if (this.#outbox?.send(encodeFrame(message)) === false) this.end("router does not read");
  }

  end(reason = "closed by the client"): void {
    if (this.#ended) return;
    this.#ended = true;
    this.welcomed = false;
    this.#cancelSilence();
    this.#socket?.end();
    this.#events.onEnd(reason);
  }

  #receive(chunk: Uint8Array): void {
    this.#watchSilence();
    for (const frame of this.#decoder.push(chunk)) {
      if (this.#ended) return;
      if (frame.kind === "violation") return this.end(`router broke the protocol: ${frame.reason}`);
      const message = parseRouterMessage(frame.value);
      if (message !== null) this.#handle(message);
    }
  }

  #handle(message: RouterMessage): void {
    if (message.t === "welcome") {
      this.welcomed = true;
      this.#silenceMs = message.lease_ms;
      this.#watchSilence();
      this.#events.onUp(message.heartbeat_ms);
    } else if (message.t === "error" && message.seq === 0) {
      if (PROBLEMS[message.code].final) this.#events.onRefused(message.code, message.message);
      this.end(`${message.code}: ${message.message}`);
    } else {
      this.#events.onMessage(message);
    }
  }

  #watchSilence(): void {
    this.#cancelSilence();
    if (this.#ended) return;
    this.#cancelSilence = this.#options.timers.after(this.#silenceMs, () => this.end("router is silent"));
  }
}
