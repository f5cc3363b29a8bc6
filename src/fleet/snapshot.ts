/**
 * The fleet as the main thread last saw it: frozen, numbered, posted to every worker thread whole when members or their states change.
 * In between, figures that engines report are posted alone.
 * Ages instead of times, since threads do not share a clock origin.
 */
import type { Instance, InstanceId } from "./instance.ts";

/** Figures an engine reported itself (msgpack report, or scraped `/metrics`). They gate; they are never added to own counts. */
export interface LoadReport {
  readonly running: number;
  readonly waiting: number;
  /** KV-cache use, 0..1. */
  readonly kvUsage: number;
  /** Age when the snapshot was made. */
  readonly ageMs: number;
}

/** `ready` is chosen normally; `suspect` only when nothing is ready; `draining` never. */
export type SchedulableState = "ready" | "suspect" | "draining";

export interface FleetMember {
  readonly instance: Instance;
  readonly state: SchedulableState;
  /** Grows when the same address registers as a new process: counters of an older epoch are void. */
  readonly epoch: number;
  /** Time since it became ready when the snapshot was made: drives the warm-up load. */
  readonly readyAgeMs: number;
  readonly report: LoadReport | null;
}

export interface FleetSnapshot {
  /** Strictly increasing; a lower one that arrives late is ignored. */
  readonly version: number;
  readonly members: readonly FleetMember[];
}

/** New figures of members of the last snapshot; all else in it still stands. */
export interface FleetReports {
  /** Counted on from the snapshots': what is older than the snapshot that a thread has is ignored. */
  readonly version: number;
  readonly reports: readonly (readonly [id: InstanceId, report: LoadReport])[];
}

export const EMPTY_SNAPSHOT: FleetSnapshot = Object.freeze({ version: 0, members: Object.freeze([]) });
