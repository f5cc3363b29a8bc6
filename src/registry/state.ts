/** The registry's state and what comes out of a command. Plain frozen data; registry.ts alone makes new ones. */
import type { InstanceId } from "../fleet/instance.ts";
import type { FleetMember, FleetReports, FleetSnapshot, LoadReport } from "../fleet/snapshot.ts";
import type { ProblemCode, RevokeReason } from "../registration/messages.ts";
import { EntryTable } from "./entry-table.ts";
import { type Entry, isListed } from "./entry.ts";

export interface RegistryRules {
  readonly maxInstances: number;
  readonly leaseMs: number;
  /** What is left of a lease when its connection closes. */
  readonly closedLeaseMs: number;
  readonly failureThreshold: number;
  readonly successThreshold: number;
}

export interface RegistryState {
  readonly rules: RegistryRules;
  readonly entries: EntryTable;
  /** Of the snapshot that this state makes. */
  readonly version: number;
  /** Last number given out for generations, epochs and leases. */
  readonly lastNumber: number;
  /** Of the last `tick`; null before the first. A gap shows that this process was asleep. */
  readonly tickedAt: number | null;
}

export type Effect =
  /** The snapshot differs in more than figures. */
  | { readonly kind: "publish" }
  /** It differs in the figures that these reported. */
  | { readonly kind: "reported"; readonly ids: readonly InstanceId[] }
  /** `again`: a probe that is under way already may tell of the time before, so another one must follow it. */
  | { readonly kind: "probe"; readonly id: InstanceId; readonly again: boolean }
  | { readonly kind: "revoke"; readonly connection: number; readonly lease: number; readonly reason: RevokeReason }
  /** The registration that was `joining` has been decided. */
  | { readonly kind: "settled"; readonly id: InstanceId; readonly joined: boolean }
  | { readonly kind: "log"; readonly level: "debug" | "info" | "warn" | "error"; readonly message: string };

export type Answer =
  | { readonly ok: true; readonly entry: Entry | null }
  | { readonly ok: false; readonly code: ProblemCode; readonly message: string };

export interface Applied {
  readonly state: RegistryState;
  readonly effects: readonly Effect[];
  readonly answer: Answer;
}

export function emptyState(rules: RegistryRules): RegistryState {
  return { rules, entries: EntryTable.EMPTY, version: 0, lastNumber: 0, tickedAt: null };
}

export function snapshotOf(state: RegistryState, now: number): FleetSnapshot {
  const members = state.entries
    .values()
    .filter(isListed)
    .map((entry) => memberOf(entry, now));
  return Object.freeze({ version: state.version, members: Object.freeze([...members]) });
}

/** What the listed ones of `ids` reported last. */
export function reportsOf(state: RegistryState, ids: Iterable<InstanceId>, now: number): FleetReports {
  const reports: [InstanceId, LoadReport][] = [];
  for (const id of ids) {
    const entry = state.entries.get(id);
    const report = entry !== undefined && isListed(entry) ? reportOf(entry, now) : null;
    if (report !== null) reports.push([id, report]);
  }
  return { version: state.version, reports };
}

function reportOf({ report }: Entry, now: number): LoadReport | null {
  return report === null ? null : { ...report.figures, ageMs: Math.max(0, now - report.at) };
}

function memberOf(entry: Entry, now: number): FleetMember {
  return {
    instance: entry.instance,
    state: entry.drained ? "draining" : entry.health === "ready" ? "ready" : "suspect",
    epoch: entry.epoch,
    readyAgeMs: Math.max(0, now - (entry.readyAt ?? now)),
    report: reportOf(entry, now),
  };
}
