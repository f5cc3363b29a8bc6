/**
 * Decides when listeners get a new snapshot: membership at once, but not more often than every 50 ms unless somebody waits; mere
 * figures can wait longer.
 */
import type { FleetSnapshot } from "../fleet/snapshot.ts";
import type { Timers } from "../registration/router-link.ts";

const MIN_GAP_MS = 50;
const FIGURES_DELAY_MS = 250;
const MAX_EARLY = 16;

export class Publisher {
  readonly #take: () => FleetSnapshot;
  readonly #now: () => number;
  readonly #timers: Timers;
  readonly #listeners = new Set<(snapshot: FleetSnapshot) => void>();
  /** How many may be published before their time, regained one each gap. */
  #early = MAX_EARLY;
  #earlyAt = 0;
  readonly #awaiting: (() => void)[] = [];
  #lastAt = Number.NEGATIVE_INFINITY;
  #planned: { readonly at: number; readonly cancel: () => void } | null = null;

  constructor(take: () => FleetSnapshot, now: () => number, timers: Timers) {
    this.#take = take;
    this.#now = now;
    this.#timers = timers;
  }

  listen(listener: (snapshot: FleetSnapshot) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  changed(urgent: boolean): void {
    const now = this.#now();
    const at = urgent ? Math.max(now, this.#lastAt + MIN_GAP_MS) : now + FIGURES_DELAY_MS;
    if (this.#planned !== null && this.#planned.at <= at) return;
    this.#planned?.cancel();
    this.#planned = null;
    if (at <= now) this.#publish();
    else this.#planned = { at, cancel: this.#timers.after(at - now, () => this.#publish()) };
  }

  /** Resolves when what has changed so far is published: at once, unless many ask in a short time. */
  published(): Promise<void> {
    if (this.#planned === null) return Promise.resolve();
    const now = this.#now();
    this.#early = Math.min(MAX_EARLY, this.#early + (now - this.#earlyAt) / MIN_GAP_MS);
    this.#earlyAt = now;
    if (this.#early < 1) return new Promise((resolve) => this.#awaiting.push(resolve));
    this.#early--;
    this.#planned.cancel();
    this.#publish();
    return Promise.resolve();
  }

  stop(): void {
    this.#planned?.cancel();
    this.#planned = null;
    this.#listeners.clear();
    for (const resolve of this.#awaiting.splice(0)) resolve();
  }

  #publish(): void {
    this.#planned = null;
    this.#lastAt = this.#now();
    const snapshot = this.#take();
    for (const listener of this.#listeners) listener(snapshot);
    for (const resolve of this.#awaiting.splice(0)) resolve();
  }
}
