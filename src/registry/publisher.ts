/**
 * Decides when listeners learn of changes. Members and states: by a new snapshot at once, but not more often than every 50 ms unless
 * somebody waits. Mere figures can wait longer, and are told alone: a snapshot of 4,000 instances costs each thread 12 ms.
 */
import type { InstanceId } from "../fleet/instance.ts";
import type { FleetReports, FleetSnapshot } from "../fleet/snapshot.ts";
import type { Timers } from "../registration/router-link.ts";

const MIN_GAP_MS = 50;
/** More than the gap: so no snapshot waits when figures are told, which would have the version of what it still holds back. */
const FIGURES_DELAY_MS = 250;
const MAX_EARLY = 16;

export interface PublisherDeps {
  /** The fleet as it is now. */
  readonly snapshot: () => FleetSnapshot;
  readonly reports: (ids: ReadonlySet<InstanceId>) => FleetReports;
  readonly now: () => number;
  readonly timers: Timers;
}

export class Publisher {
  readonly #deps: PublisherDeps;
  readonly #snapshotListeners = new Set<(snapshot: FleetSnapshot) => void>();
  readonly #reportListeners = new Set<(reports: FleetReports) => void>();
  /** How many may be published before their time, regained one each gap. */
  #early = MAX_EARLY;
  #earlyAt = 0;
  readonly #awaiting: (() => void)[] = [];
  #lastAt = Number.NEGATIVE_INFINITY;
  #cancelSnapshot: (() => void) | null = null;
  /** Whose figures are news. */
  readonly #reported = new Set<InstanceId>();
  #cancelReports: (() => void) | null = null;

  constructor(deps: PublisherDeps) {
    this.#deps = deps;
  }

  /** Returns how to stop listening. */
  onSnapshot(listener: (snapshot: FleetSnapshot) => void): () => void {
    this.#snapshotListeners.add(listener);
    return () => this.#snapshotListeners.delete(listener);
  }

  onReports(listener: (reports: FleetReports) => void): () => void {
    this.#reportListeners.add(listener);
    return () => this.#reportListeners.delete(listener);
  }

  /** Members, or their states, differ. */
  changed(): void {
    if (this.#cancelSnapshot !== null) return;
    const { now, timers } = this.#deps;
    const waitMs = this.#lastAt + MIN_GAP_MS - now();
    if (waitMs <= 0) this.#publish();
    else this.#cancelSnapshot = timers.after(waitMs, () => this.#publish());
  }

  /** These have told new figures. */
  reported(ids: readonly InstanceId[]): void {
    for (const id of ids) this.#reported.add(id);
    this.#cancelReports ??= this.#deps.timers.after(FIGURES_DELAY_MS, () => this.#publishReports());
  }

  /** Resolves when members and states as they are now are published: at once, unless many ask in a short time. */
  published(): Promise<void> {
    if (this.#cancelSnapshot === null) return Promise.resolve();
    const now = this.#deps.now();
    this.#early = Math.min(MAX_EARLY, this.#early + (now - this.#earlyAt) / MIN_GAP_MS);
    this.#earlyAt = now;
    if (this.#early < 1) return new Promise((resolve) => this.#awaiting.push(resolve));
    this.#early--;
    this.#publish();
    return Promise.resolve();
  }

  stop(): void {
    this.#forgetPlans();
    this.#snapshotListeners.clear();
    this.#reportListeners.clear();
    for (const resolve of this.#awaiting.splice(0)) resolve();
  }

  #publish(): void {
    // The snapshot has all figures in it.
    this.#forgetPlans();
    this.#lastAt = this.#deps.now();
    const snapshot = this.#deps.snapshot();
    for (const listener of this.#snapshotListeners) listener(snapshot);
    for (const resolve of this.#awaiting.splice(0)) resolve();
  }

  #publishReports(): void {
    this.#cancelReports = null;
    const reports = this.#deps.reports(this.#reported);
    this.#reported.clear();
    if (reports.reports.length === 0) return;
    for (const listener of this.#reportListeners) listener(reports);
  }

  #forgetPlans(): void {
    this.#cancelSnapshot?.();
    this.#cancelSnapshot = null;
    this.#cancelReports?.();
    this.#cancelReports = null;
    this.#reported.clear();
  }
}
