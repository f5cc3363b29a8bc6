/** The registry's state and what comes out of a command. Plain frozen data; registry.ts alone makes new ones. */
import type { Instance, InstanceId } from "../fleet/instance.ts";
import type { FleetMember, FleetSnapshot } from "../fleet/snapshot.ts";
import type { ProblemCode, RevokeReason } from "../registration/messages.ts";
import { EntryTable } from "./entry-table.ts";
import type { EngineFigures } from "./commands.ts";

/**
 * `joining`: not yet seen healthy, not offered. `suspect`: missed a probe. `gone`: evicted, but probed on, since it may come back
 * without saying so. An instance that nothing keeps any more is not in the table at all.
 */
type Health = "joining" | "ready" | "suspect" | "gone";

export interface Lease {
  /** Unique for the life of the router. */
  readonly number: number;
  /** Null once the connection is closed: the last seconds run. */
  readonly connection: number | null;
  readonly grantedAt: number;
  readonly expiresAt: number;
}

export interface Entry {
  readonly instance: Instance;
  readonly health: Health;
  /** Ordered out of service. Survives everything but `resume`, a new boot id and the end of the entry. */
  readonly drained: boolean;
  /** Changes when older probe results must no longer count. */
  readonly generation: number;
  /** Changes when a new process serves the address. */
  readonly epoch: number;
  readonly bootId: string | null;
  /** What keeps the entry: an HTTP registration, a line of register.yaml, a lease. At least one of them. */
  readonly byHttp: boolean;
  readonly fromFile: Instance | null;
  readonly lease: Lease | null;
  /** Consecutive probe results. */
  readonly failures: number;
  readonly successes: number;
  readonly registeredAt: number;
  /** Null as long as it has never been ready. */
  readonly readyAt: number | null;
  readonly goneAt: number | null;
  /** `scraped`: asked for; otherwise the instance told it on its own. */
  readonly report: { readonly figures: EngineFigures; readonly at: number; readonly scraped: boolean } | null;
}

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
  /** The snapshot differs. Not urgent when only reported figures do. */
  | { readonly kind: "publish"; readonly urgent: boolean }
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

/** Whether it is in the fleet: listed, counted and sent to the workers. */
export function isListed(entry: Entry): boolean {
  return entry.health === "ready" || entry.health === "suspect";
}

export function snapshotOf(state: RegistryState, now: number): FleetSnapshot {
  const members = state.entries
    .values()
    .filter(isListed)
    .map((entry) => memberOf(entry, now));
  return Object.freeze({ version: state.version, members: Object.freeze([...members]) });
}

function memberOf(entry: Entry, now: number): FleetMember {
  const { report } = entry;
  return {
    instance: entry.instance,
    state: entry.drained ? "draining" : entry.health === "ready" ? "ready" : "suspect",
    epoch: entry.epoch,
    readyAgeMs: Math.max(0, now - (entry.readyAt ?? now)),
    report: report === null ? null : { ...report.figures, ageMs: Math.max(0, now - report.at) },
  };
}
