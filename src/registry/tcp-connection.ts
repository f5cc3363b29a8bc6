/**
 * One connection of the TCP door: hello, then messages until it ends. It owns the leases granted over it and tells their holder
 * of drains and revocations. Clock and socket are arguments; tcp.ts makes them.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import type { InstanceId } from "../fleet/instance.ts";
import { MAX_NAME_LENGTH } from "../registration/fields.ts";
import { encodeFrame, FrameDecoder } from "../registration/frames.ts";
import {
  type ClientMessage,
  parseClientMessage,
  type ProblemCode,
  PROTOCOL_VERSION,
  type RegistrationFields,
  type RevokeReason,
  type RouterMessage,
} from "../registration/messages.ts";
import { Outbox } from "../registration/outbox.ts";
import type { Admission } from "./admission.ts";
import type { RegistryCommand } from "./commands.ts";
import type { RegistryLog } from "./log.ts";
import { RateLimit } from "./rate-limit.ts";
import type { Answer } from "./state.ts";

export interface ConnectionDeps {
  readonly token: string;
  readonly heartbeatMs: number;
  readonly leaseMs: number;
  readonly apply: (command: RegistryCommand) => Answer;
  readonly admit: (fields: RegistrationFields, peer: string) => Admission;
  readonly log: RegistryLog;
  /** Wrong tokens, by address. */
  readonly guesses: RateLimit;
}

/** The socket as far as a connection needs it. */
export interface Wire {
  readonly peer: string;
  write(bytes: Uint8Array): number;
  /** Orderly, after what was written. */
  end(): void;
  /** At once. */
  terminate(): void;
}

const HELLO_DEADLINE_MS = 5000;
const FRAME_DEADLINE_MS = 5000;
const CLOSE_DEADLINE_MS = 5000;
const MAX_UNSENT_BYTES = 256 * 1024;
/** Counts of workers that have not yet seen the drain may miss a request that is just being sent. */
const DRAIN_SETTLE_MS = 500;
const REGISTER_RATE = { burst: 1024, perSecond: 100 };
/** Log lines about refused messages; the client is told of every one. */
const LINE_RATE = { burst: 20, perSecond: 1 };

interface DrainWatch {
  readonly since: number;
  told: number | null;
}

export class Connection {
  readonly number: number;
  readonly #deps: ConnectionDeps;
  readonly #wire: Wire;
  readonly #decoder = new FrameDecoder();
  readonly #outbox: Outbox;
  readonly #registers = new RateLimit(REGISTER_RATE);
  readonly #lines = new RateLimit(LINE_RATE);
  readonly #leases = new Map<number, InstanceId>();
  readonly #drains = new Map<number, DrainWatch>();
  #phase: "greeting" | "open" | "closing" = "greeting";
  #phaseSince: number;
  #frameSince = 0;
  #sentAt: number;
  #receivedAnything = false;
  #toldUnknown = false;

  constructor(number: number, wire: Wire, now: number, deps: ConnectionDeps) {
    this.number = number;
    this.#wire = wire;
    this.#deps = deps;
    this.#phaseSince = now;
    this.#sentAt = now;
    this.#outbox = new Outbox((bytes) => wire.write(bytes), MAX_UNSENT_BYTES);
  }

  get peer(): string {
    return this.#wire.peer;
  }

  receive(chunk: Uint8Array, now: number): void {
    if (this.#phase === "closing") return;
    if (!this.#receivedAnything && chunk[0] !== 0) return this.#refuseForeign(chunk, now);
    this.#receivedAnything = true;
    const wasMidFrame = this.#decoder.midFrame;
    const frames = this.#decoder.push(chunk);
    if (!wasMidFrame || frames.length > 0) this.#frameSince = now;
    for (const frame of frames) {
      if (!this.#isReading()) return;
      if (frame.kind === "violation") this.fail("bad_frame", frame.reason, now);
      else this.#message(frame.value, now);
    }
  }

  /** The socket has room again. */
  writable(): void {
    this.#outbox.flush();
    if (this.#phase === "closing" && this.#outbox.empty) this.#wire.end();
  }

  tick(now: number): void {
    if (this.#phase === "closing") {
      if (now - this.#phaseSince > CLOSE_DEADLINE_MS) this.#wire.terminate();
    } else if (this.#phase === "greeting" && now - this.#phaseSince > HELLO_DEADLINE_MS) {
      this.fail("too_slow", `no hello within ${HELLO_DEADLINE_MS / 1000} s`, now);
    } else if (this.#decoder.midFrame && now - this.#frameSince > FRAME_DEADLINE_MS) {
      this.fail("too_slow", `frame not complete within ${FRAME_DEADLINE_MS / 1000} s`, now);
    } else if (this.#phase === "open" && now - this.#sentAt >= this.#deps.heartbeatMs) {
      this.#send({ t: "beat" }, now);
    }
  }

  revoke(lease: number, reason: RevokeReason, now: number): void {
    this.#leases.delete(lease);
    this.#drains.delete(lease);
    if (this.#phase === "open") this.#send({ t: "revoked", lease, reason }, now);
  }

  /** `counts`: requests that the whole router has on each instance; an instance without any may be missing. */
  inFlight(counts: ReadonlyMap<InstanceId, number>, now: number): void {
    for (const [lease, watch] of this.#drains) {
      const id = this.#leases.get(lease);
      const count = id === undefined ? 0 : (counts.get(id) ?? 0);
      if (watch.told === count || (count === 0 && now - watch.since < DRAIN_SETTLE_MS)) continue;
      watch.told = count;
      this.#send({ t: "draining", lease, in_flight: count }, now);
    }
  }

  /** Says why, then closes. */
  fail(code: ProblemCode, message: string, now: number): void {
    if (this.#phase === "closing") return;
    this.#deps.log.warn(`Closing registration connection of ${this.#wire.peer}: ${code}: ${message}`);
    this.#send({ t: "error", seq: 0, code, message: message.slice(0, MAX_NAME_LENGTH) }, now);
    this.#close(now);
  }

  #close(now: number): void {
    this.#phase = "closing";
    this.#phaseSince = now;
    if (this.#outbox.empty) this.#wire.end();
  }

  #isReading(): boolean {
    return this.#phase !== "closing";
  }

  /** A length prefix begins with a zero byte; letters are most likely a browser or a wrong `--router`. */
  #refuseForeign(chunk: Uint8Array, now: number): void {
    const text = "This port speaks the fd-router registration protocol, not HTTP.\n";
    const isHttp = /^[A-Z]{3,7} /.test(String.fromCharCode(...chunk.subarray(0, 8)));
    this.#deps.log.warn(
      `Closing registration connection of ${this.#wire.peer}: ${isHttp ? "HTTP" : "not the protocol"}`,
    );
    const head = `HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: ${text.length}\r\nConnection: close\r\n\r\n`;
    this.#outbox.send(new TextEncoder().encode(isHttp ? head + text : text));
    this.#close(now);
  }

  #message(value: unknown, now: number): void {
    const parsed = parseClientMessage(value);
    if (parsed.ok) {
      if (this.#phase === "greeting") this.#hello(parsed.message, now);
      else this.#handle(parsed.message, now);
    } else if (parsed.seq > 0 && this.#phase === "open") {
      this.#answerProblem(parsed.seq, parsed.code, parsed.problem, now);
    } else if (parsed.code === "unknown_message" && this.#phase === "open") {
      if (!this.#toldUnknown) this.#deps.log.warn(`Registration client ${this.#wire.peer}: ${parsed.problem}`);
      this.#toldUnknown = true;
    } else {
      this.fail(parsed.code, parsed.problem, now);
    }
  }

  #hello(message: ClientMessage, now: number): void {
    if (message.t !== "hello") return this.fail("bad_message", "the first message must be hello", now);
    if (message.version < 1) return this.fail("unsupported_version", `version ${message.version} is not spoken`, now);
    const { peer } = this.#wire;
    if (!this.#deps.guesses.allows(peer, now)) return this.fail("rate_limited", "too many wrong tokens", now);
    if (this.#deps.token !== "" && !sameToken(message.token ?? "", this.#deps.token)) {
      this.#deps.guesses.take(peer, now);
      return this.fail("unauthorized", message.token === undefined ? "a token is required" : "wrong token", now);
    }
    this.#phase = "open";
    this.#phaseSince = now;
    const { heartbeatMs: heartbeat_ms, leaseMs: lease_ms } = this.#deps;
    this.#send({ t: "welcome", version: PROTOCOL_VERSION, heartbeat_ms, lease_ms }, now);
  }

  #handle(message: ClientMessage, now: number): void {
    switch (message.t) {
      case "hello":
        return this.fail("bad_message", "hello was said already", now);
      case "register":
        return this.#register(message.seq, message.instance, now);
      case "report":
      case "beat": {
        const id = this.#leases.get(message.lease);
        const { lease } = message;
        const figures =
          message.t === "beat"
            ? null
            : { running: message.running, waiting: message.waiting, kvUsage: message.kv_usage };
        const answer = id === undefined ? null : this.#deps.apply({ kind: "beat", at: { id, lease }, figures });
        if (answer === null || !answer.ok) this.revoke(lease, "unknown", now);
        return;
      }
      case "drain":
      case "resume":
      case "leave":
        return this.#order(message, now);
    }
  }

  #register(seq: number, fields: RegistrationFields, now: number): void {
    if (!this.#registers.take("", now)) return this.#answerProblem(seq, "rate_limited", "too many registrations", now);
    const admission = this.#deps.admit(fields, this.#wire.peer);
    if (!admission.ok) return this.#answerProblem(seq, "invalid_instance", admission.problem, now);
    const door = { kind: "tcp", connection: this.number } as const;
    const answer = this.#deps.apply({ kind: "register", admitted: admission.admitted, door });
    if (!answer.ok) return this.#answerProblem(seq, answer.code, answer.message, now);
    const lease = answer.entry?.lease?.number;
    if (lease === undefined) throw new Error(`registration of ${admission.admitted.instance.id} got no lease`);
    this.#leases.set(lease, admission.admitted.instance.id);
    this.#send({ t: "registered", seq, lease, id: admission.admitted.instance.id }, now);
  }

  #order(message: Extract<ClientMessage, { t: "drain" | "resume" | "leave" }>, now: number): void {
    const { seq, lease } = message;
    const id = this.#leases.get(lease);
    if (id === undefined) return this.#answerProblem(seq, "unknown_lease", `lease ${lease} is not yours`, now);
    const answer = this.#deps.apply({ kind: message.t, id });
    if (!answer.ok) return this.#answerProblem(seq, answer.code, answer.message, now);
    if (message.t === "leave") this.#leases.delete(lease);
    if (message.t === "drain") this.#drains.set(lease, { since: now, told: null });
    else this.#drains.delete(lease);
    this.#send({ t: "done", seq }, now);
  }

  /** The connection stays open: only this one message is refused. */
  #answerProblem(seq: number, code: ProblemCode, message: string, now: number): void {
    const line = `Refused message of registration client ${this.#wire.peer}: ${code}: ${message}`;
    if (this.#lines.take("", now)) this.#deps.log.warn(line);
    this.#send({ t: "error", seq, code, message: message.slice(0, MAX_NAME_LENGTH) }, now);
  }

  #send(message: RouterMessage, now: number): void {
    this.#sentAt = now;
    if (!this.#outbox.send(encodeFrame(message))) this.#wire.terminate();
  }
}

/** Takes the same time however much of the token is right. */
function sameToken(given: string, wanted: string): boolean {
  return timingSafeEqual(digest(given), digest(wanted));
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
