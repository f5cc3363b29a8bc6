/** Decides when listeners get a new snapshot: membership at once, but not more often than every 50 ms; mere figures can wait. */
import type { FleetSnapshot } from "../fleet/snapshot.ts";
import type { Timers } from "../registration/router-link.ts";

const MIN_GAP_MS = 50;
const FIGURES_DELAY_MS = 250;

export class Publisher {
  readonly #take: () => FleetSnapshot;
  readonly #now: () => number;
  readonly #timers: Timers;
  readonly #listeners = new Set<(snapshot: FleetSnapshot) => void>();
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

  stop(): void {
    this.#planned?.cancel();
    this.#planned = null;
    this.#listeners.clear();
  }

  #publish(): void {
    this.#planned = null;
    this.#lastAt = this.#now();
    const snapshot = this.#take();
    for (const listener of this.#listeners) listener(snapshot);
  }
}
