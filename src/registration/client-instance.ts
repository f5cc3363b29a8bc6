/**
 * One instance of a registration client: what it wants to be (serving, draining, gone) and what the router has been told of it.
 * After every reconnect the wish is told anew. Created by client.ts.
 */
import { PROBLEMS, type RegistrationFields, type RouterMessage } from "./messages.ts";
import type { RouterLink, Timers } from "./router-link.ts";

export type RegistrationEvent =
  | { readonly kind: "connected" }
  | { readonly kind: "disconnected"; readonly reason: string; readonly retryInMs: number }
  | { readonly kind: "registered"; readonly id: string }
  /** Also when another client took the instance over: `code` is then `replaced`, and this one keeps quiet. */
  | { readonly kind: "refused"; readonly code: string; readonly message: string };

/** Load of the engine, as it counts itself. */
export interface EngineLoad {
  readonly running: number;
  readonly waiting: number;
  /** 0..1 */
  readonly kvUsage: number;
}

/** One registered instance of this client; survives reconnects, registering itself again. */
export interface RegisteredInstance {
  /** Load of the engine; sent at most ten times a second. Between reports the client keeps the lease by itself. */
  report(load: EngineLoad): void;
  /** Resolves when the router has no request left on the instance, or rejects at the deadline. */
  drain(deadlineMs: number): Promise<void>;
  resume(): Promise<void>;
  /** Drops the instance; it does not come back. */
  leave(): Promise<void>;
}

interface RegistrationDeps {
  readonly link: RouterLink;
  readonly timers: Timers;
  readonly tell: (event: RegistrationEvent) => void;
  readonly nextSeq: () => number;
  /** It needs the client no more. */
  readonly onGone: () => void;
}

type Answer = Extract<RouterMessage, { t: "registered" | "done" | "error" }> | { readonly t: "lost" };

const MIN_REPORT_GAP_MS = 100;
/** After a refusal that may pass, such as a full table. */
const RETRY_REGISTER_MS = 5000;

export class Registration implements RegisteredInstance {
  /** Settles `register()`: with this very object, or with the refusal. */
  readonly accepted: Promise<RegisteredInstance>;
  readonly #accept: PromiseWithResolvers<RegisteredInstance> = Promise.withResolvers();
  readonly #fields: RegistrationFields;
  readonly #deps: RegistrationDeps;
  readonly #awaited = new Map<number, (answer: Answer) => void>();
  #lease: number | null = null;
  #wish: "serving" | "resumed" | "draining" | "gone" | "replaced" = "serving";
  #drained: PromiseWithResolvers<void> | null = null;
  #load: EngineLoad | null = null;
  /** A report newer than what was sent waits for the gap to pass. */
  #unsentReport = false;
  #gapRunning = false;
  #settled = false;

  constructor(fields: RegistrationFields, deps: RegistrationDeps) {
    this.#fields = fields;
    this.#deps = deps;
    this.accepted = this.#accept.promise;
  }

  get lease(): number | null {
    return this.#lease;
  }

  awaits(seq: number): boolean {
    return this.#awaited.has(seq);
  }

  connected(): void {
    if (this.#wish === "gone" || this.#wish === "replaced") return;
    const seq = this.#deps.nextSeq();
    this.#awaited.set(seq, (answer) => this.#registerAnswered(answer));
    this.#deps.link.send({ t: "register", seq, instance: this.#fields });
  }

  disconnected(): void {
    this.#lease = null;
    const waiting = [...this.#awaited.values()];
    this.#awaited.clear();
    for (const answered of waiting) answered({ t: "lost" });
  }

  /** Ends a registration that was never accepted; an accepted one outlives a refusal of the connection. */
  refused(code: string, message: string): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#accept.reject(new Error(`registration refused: ${code}: ${message}`));
    this.#deps.onGone();
  }

  receive(message: RouterMessage): void {
    if (message.t === "draining") {
      if (message.in_flight === 0) this.#drained?.resolve();
    } else if (message.t === "revoked") {
      this.#revoked(message.reason === "replaced");
    } else if (message.t === "registered" || message.t === "done" || message.t === "error") {
      const answered = this.#awaited.get(message.seq);
      this.#awaited.delete(message.seq);
      answered?.(message);
    }
  }

  beat(): void {
    if (this.#lease === null) return;
    if (this.#unsentReport) this.#sendReport(this.#lease);
    else this.#deps.link.send({ t: "beat", lease: this.#lease });
  }

  report(load: EngineLoad): void {
    this.#load = load;
    this.#unsentReport = true;
    if (this.#lease !== null && !this.#gapRunning) this.#sendReport(this.#lease);
  }

  async drain(deadlineMs: number): Promise<void> {
    this.#wish = "draining";
    this.#drained ??= Promise.withResolvers();
    const drained = this.#drained;
    const cancel = this.#deps.timers.after(deadlineMs, () =>
      drained.reject(new Error(`drain has not ended within ${deadlineMs} ms`)),
    );
    // A lost or refused answer needs no care here: the wish is told again after the next registration.
    if (this.#lease !== null) void this.#request("drain", this.#lease);
    try {
      await drained.promise;
    } finally {
      cancel();
      if (this.#drained === drained) this.#drained = null;
    }
  }

  async resume(): Promise<void> {
    this.#wish = "resumed";
    this.#drained?.reject(new Error("drain was taken back"));
    if (this.#lease !== null) await this.#request("resume", this.#lease);
  }

  async leave(): Promise<void> {
    this.#wish = "gone";
    this.#drained?.reject(new Error("instance has left"));
    if (this.#lease !== null) await this.#request("leave", this.#lease);
    this.#lease = null;
    this.#deps.onGone();
  }

  #registerAnswered(answer: Answer): void {
    if (answer.t === "registered") {
      this.#lease = answer.lease;
      this.#deps.tell({ kind: "registered", id: answer.id });
      if (this.#wish === "draining") void this.#request("drain", answer.lease);
      if (this.#wish === "resumed") void this.#request("resume", answer.lease);
      if (this.#wish === "gone") void this.#request("leave", answer.lease);
      if (this.#load !== null) this.#sendReport(answer.lease);
      this.#settled = true;
      this.#accept.resolve(this);
    } else if (answer.t === "error") {
      this.#deps.tell({ kind: "refused", code: answer.code, message: answer.message });
      if (PROBLEMS[answer.code].final) this.refused(answer.code, answer.message);
      else this.#deps.timers.after(RETRY_REGISTER_MS, () => this.#retry());
    }
  }

  #retry(): void {
    if (this.#deps.link.up && this.#lease === null && this.#awaited.size === 0) this.connected();
  }

  #revoked(replaced: boolean): void {
    this.#lease = null;
    if (replaced) {
      this.#wish = "replaced";
      this.#deps.tell({ kind: "refused", code: "replaced", message: "another client registered the same instance" });
      this.#drained?.resolve();
    } else {
      this.connected();
    }
  }

  #sendReport(lease: number): void {
    if (this.#load === null) return;
    const { running, waiting, kvUsage } = this.#load;
    this.#deps.link.send({ t: "report", lease, running, waiting, kv_usage: kvUsage });
    this.#unsentReport = false;
    this.#gapRunning = true;
    this.#deps.timers.after(MIN_REPORT_GAP_MS, () => {
      this.#gapRunning = false;
      if (this.#unsentReport && this.#lease !== null) this.#sendReport(this.#lease);
    });
  }

  /** Resolves with whatever came of it. */
  #request(t: "drain" | "resume" | "leave", lease: number): Promise<Answer> {
    const seq = this.#deps.nextSeq();
    const { promise, resolve } = Promise.withResolvers<Answer>();
    this.#awaited.set(seq, resolve);
    this.#deps.link.send({ t, seq, lease });
    return promise;
  }
}
