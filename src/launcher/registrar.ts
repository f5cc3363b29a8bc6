/**
 * Keeps the router told of our servers over one registration connection: who is there, with what load, who is to be drained. Servers are known
 * by name; a restarted one is a new registration. Never throws: a router that is away is told when it is back. Used by launcher and agent.
 */
import type { RegisteredInstance, RegistrationClient, RegistrationEvent } from "../registration/client.ts";
import type { RegistrationFields } from "../registration/messages.ts";
import type { EngineLoad } from "./health.ts";
import { within } from "./within.ts";

/** The same figures are said again after so long, so that the router sees that they still hold. */
const REFRESH_MS = 5000;
/** A router that cannot be reached must not hold up the end. */
const CLOSE_LIMIT_MS = 1000;

export interface RegistrarDeps {
  readonly connect: (onEvent: (event: RegistrationEvent) => void) => RegistrationClient;
  readonly note: (level: "info" | "warn" | "error", text: string) => void;
  /** Monotonic, in ms. */
  readonly now: () => number;
}

interface Entry {
  /** Null when the router refused for good. */
  readonly instance: Promise<RegisteredInstance | null>;
  /** Null until the router has accepted. */
  accepted: RegisteredInstance | null;
  reported: { readonly load: EngineLoad; readonly at: number } | null;
}

export class Registrar {
  readonly #deps: RegistrarDeps;
  readonly #client: RegistrationClient;
  readonly #entries = new Map<string, Entry>();
  readonly #leaving = new Set<Promise<void>>();
  #connected = false;

  constructor(deps: RegistrarDeps) {
    this.#deps = deps;
    this.#client = deps.connect((event) => this.#happened(event));
  }

  /** Again under the same name replaces. */
  register(name: string, fields: RegistrationFields): void {
    this.leave(name);
    const instance = this.#client.register(fields).catch((error: unknown) => {
      const reason = error instanceof Error ? error.message : String(error);
      // Whoever left meanwhile needs no explanation.
      if (this.#entries.get(name)?.instance === instance)
        this.#deps.note("error", `${name}: not registered: ${reason}`);
      return null;
    });
    const entry: Entry = { instance, accepted: null, reported: null };
    this.#entries.set(name, entry);
    void instance.then((accepted) => {
      entry.accepted = accepted;
      if (entry.reported !== null) accepted?.report(entry.reported.load);
    });
  }

  isRegistered(name: string): boolean {
    return (this.#entries.get(name)?.accepted ?? null) !== null;
  }

  /** Sent when it differs from the last, or when that is old. */
  report(name: string, load: EngineLoad): void {
    const entry = this.#entries.get(name);
    if (entry === undefined) return;
    const at = this.#deps.now();
    const last = entry.reported;
    if (last !== null && isSame(last.load, load) && at - last.at < REFRESH_MS) return;
    entry.reported = { load, at };
    entry.accepted?.report(load);
  }

  /** Resolves when the router has no request left on them, at the deadline, or at once for those it does not know. */
  async drain(names: readonly string[], deadlineMs: number): Promise<void> {
    if (!this.#connected) return; // nobody to ask, and nobody who sends more
    await Promise.all(
      names.map(async (name) => {
        const drained = this.#entries.get(name)?.accepted?.drain(deadlineMs);
        await drained?.catch((error: unknown) => {
          this.#deps.note(
            "warn",
            `${name}: drained only in part: ${error instanceof Error ? error.message : String(error)}`,
          );
        });
      }),
    );
  }

  /** Drops it at the router; it may be registered again. */
  leave(name: string): void {
    const entry = this.#entries.get(name);
    this.#entries.delete(name);
    if (entry === undefined) return;
    const left = entry.instance.then((instance) => instance?.leave()).catch(() => {}); // its lease runs out instead
    this.#leaving.add(left);
    void left.finally(() => this.#leaving.delete(left));
  }

  /** Takes leave of the router for all. */
  async close(): Promise<void> {
    for (const name of this.#entries.keys()) this.leave(name);
    if (this.#connected) await within(Promise.all(this.#leaving), CLOSE_LIMIT_MS);
    this.#client.close();
  }

  #happened(event: RegistrationEvent): void {
    const { note } = this.#deps;
    switch (event.kind) {
      case "connected":
        note("info", "router: connected");
        this.#connected = true;
        break;
      case "disconnected":
        if (this.#connected) note("warn", `router: connection lost: ${event.reason}; the servers go on`);
        this.#connected = false;
        break;
      case "refused":
        note("error", `router: refuses: ${event.code}: ${event.message}`);
        break;
      case "registered":
        break;
    }
  }
}

function isSame(before: EngineLoad, load: EngineLoad): boolean {
  return before.running === load.running && before.waiting === load.waiting && before.kvUsage === load.kvUsage;
}
