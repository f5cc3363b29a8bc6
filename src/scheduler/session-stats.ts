/**
 * Counts how often a session's requests come to the instance of its request before: the only figure that shows whether cache-aware
 * policies keep sessions together. Each role has its own memory, since a pair's two halves are different instances. The dispatchers
 * tell each other where sessions moved.
 */
import type { SessionMove } from "../fleet/digest.ts";
import type { InstanceId, Role } from "../fleet/instance.ts";
import type { Sessions } from "./policy.ts";

/** Sessions remembered for each role; the one that was silent longest makes room. */
const MAX_SESSIONS = 65_536;
/** Told to the others at most between two digests; what goes beyond only costs them a hit. */
const MAX_UNTOLD = 4096;

export class SessionStats implements Sessions {
  readonly #maxSessions: number;
  /** Silent longest first. */
  readonly #instances: Readonly<Record<Role, Map<string, InstanceId>>> = {
    mixed: new Map(),
    prefill: new Map(),
    decode: new Map(),
  };
  #untold: SessionMove[] = [];
  #hits = 0;
  #requests = 0;
  /** There are other dispatchers, who want to be told what is new. */
  isShared = false;

  constructor(maxSessions = MAX_SESSIONS) {
    this.#maxSessions = maxSessions;
  }

  /** Requests that came where their session's last one went. */
  get hits(): number {
    return this.#hits;
  }

  /** Requests that named a session. */
  get requests(): number {
    return this.#requests;
  }

  note(role: Role, sessionId: string, chosen: InstanceId): void {
    this.#requests++;
    if (this.#remember(role, sessionId, chosen)) this.#hits++;
    else if (this.isShared && this.#untold.length < MAX_UNTOLD) this.#untold.push({ role, sessionId, id: chosen });
  }

  /** Another dispatcher sent the session's request there. */
  receive({ role, sessionId, id }: SessionMove): void {
    this.#remember(role, sessionId, id);
  }

  takeUntold(): readonly SessionMove[] {
    const untold = this.#untold;
    if (untold.length > 0) this.#untold = [];
    return untold;
  }

  /** Whether the session was there before. */
  #remember(role: Role, sessionId: string, id: InstanceId): boolean {
    const instances = this.#instances[role];
    const before = instances.get(sessionId);
    instances.delete(sessionId);
    instances.set(sessionId, id);
    const oldest = instances.size > this.#maxSessions ? instances.keys().next().value : undefined;
    if (oldest !== undefined) instances.delete(oldest);
    return before === id;
  }
}
