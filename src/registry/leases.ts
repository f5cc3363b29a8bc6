/** What time and closed connections do to leases. */
import type { Role } from "../fleet/instance.ts";
import type { Change } from "./change.ts";
import { type Entry, isListed } from "./entry.ts";

/** An evicted address is watched this long for its return; lines of register.yaml for ever. */
const WATCH_MS = 24 * 3_600_000;

/** The connection closed: its leases run out soon, and a look at its instances may tell sooner. */
export function closeConnection(change: Change, connection: number): void {
  const expiresAt = change.now + change.rules.closedLeaseMs;
  for (const entry of change.entries.values()) {
    if (entry.lease?.connection !== connection) continue;
    const lease = { ...entry.lease, connection: null, expiresAt: Math.min(entry.lease.expiresAt, expiresAt) };
    change.probe(change.put({ ...entry, lease }));
  }
}

/** A tick this late means that the router itself was stopped or blocked: beats may wait unread in its sockets. */
const ASLEEP_MS = 2000;

export function expireLeases(change: Change): void {
  if (change.tick() > ASLEEP_MS) prolongLeases(change);
  const expired = [...change.entries.values()].filter((entry) => (entry.lease?.expiresAt ?? Infinity) <= change.now);
  const suspicious = rolesEmptiedBy(change, expired);
  for (const role of suspicious) {
    change.log("warn", `All leases of ${role} instances ran out at once: keeping those that answer their probe`);
  }
  for (const entry of expired) {
    change.revoke(entry.lease, "expired");
    if (suspicious.has(entry.instance.role) && isListed(entry)) keepOnProbation(change, entry);
    else endLease(change, entry, "its lease ran out");
  }
  for (const entry of change.entries.values()) {
    if (entry.goneAt !== null && change.now - entry.goneAt > WATCH_MS && entry.fromFile === null) change.drop(entry);
  }
}

function prolongLeases(change: Change): void {
  const earliest = change.now + change.rules.closedLeaseMs;
  for (const entry of change.entries.values()) {
    const { lease } = entry;
    if (lease !== null && lease.expiresAt < earliest)
      change.put({ ...entry, lease: { ...lease, expiresAt: earliest } });
  }
}

/** The lease is over; the entry too, unless something else keeps it. */
export function endLease(change: Change, entry: Entry, why: string): void {
  if (entry.byHttp || entry.fromFile !== null) {
    change.put({ ...entry, lease: null });
    return;
  }
  change.drop(entry);
  change.settle(entry, false);
  if (!isListed(entry)) return;
  change.publish();
  change.log("warn", `Removed ${entry.instance.role} instance: ${entry.instance.id} (${why})`);
}

/** From now on probes alone decide. */
function keepOnProbation(change: Change, entry: Entry): void {
  change.probe(change.put({ ...entry, lease: null, byHttp: true, health: "suspect" }));
  change.publish();
}

/** Roles whose every listed instance is among `expired`: more likely our own pause or a network fault than the end of them all. */
function rolesEmptiedBy(change: Change, expired: readonly Entry[]): ReadonlySet<Role> {
  const roles = new Set(expired.filter(isListed).map((entry) => entry.instance.role));
  if (roles.size === 0) return roles;
  const expiredEntries = new Set(expired);
  for (const entry of change.entries.values()) {
    if (isListed(entry) && !expiredEntries.has(entry)) roles.delete(entry.instance.role);
  }
  return roles;
}
