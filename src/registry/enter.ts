/** The `register` command: a new instance, a heartbeat, a changed instance, a restarted server, one that comes back. */
import type { Instance } from "../fleet/instance.ts";
import type { Change } from "./change.ts";
import type { Admitted, Door } from "./commands.ts";
import type { EntryTable } from "./entry-table.ts";
import { type Entry, isListed, type Lease } from "./entry.ts";
import type { Answer } from "./state.ts";

/** A lease is not taken over by another open connection sooner: two clients that both claim an instance must not make it flap. */
const MIN_TAKEOVER_MS = 5000;
/** A restored instance is not new: it gets no warm-up. */
const RESTORED_AGE_MS = 3_600_000;

export function enter(change: Change, admitted: Admitted, door: Door): Answer {
  const known = change.entries.get(admitted.instance.id);
  if (known === undefined) return enterNew(change, admitted, door);
  if (door.kind === "tcp" && isHeldByOther(known.lease, door.connection)) {
    if (change.now - known.lease.grantedAt < MIN_TAKEOVER_MS) {
      const message = `${known.instance.id} was registered over another connection less than ${MIN_TAKEOVER_MS / 1000} s ago`;
      return { ok: false, code: "taken", message };
    }
    change.revoke(known.lease, "replaced");
  }
  return { ok: true, entry: enterKnown(change, known, admitted, door) };
}

function enterNew(change: Change, admitted: Admitted, door: Door): Answer {
  const { maxInstances } = change.rules;
  if (isFull(change.entries, maxInstances)) {
    change.log("warn", `Refused ${admitted.instance.id}: the table is full (${maxInstances} instances)`);
    return { ok: false, code: "table_full", message: `the table is full (${maxInstances} instances)` };
  }
  const restored = door.kind === "saved";
  const number = change.nextNumber();
  const entry = change.put({
    instance: admitted.instance,
    health: restored ? "suspect" : "joining",
    drained: restored && door.drained,
    generation: number,
    epoch: number,
    bootId: admitted.bootId,
    byHttp: door.kind === "http" || restored,
    fromFile: door.kind === "file" ? admitted.instance : null,
    lease: leaseFor(change, null, door),
    failures: 0,
    successes: 0,
    registeredAt: change.now,
    readyAt: restored ? change.now - RESTORED_AGE_MS : null,
    goneAt: null,
    report: null,
  });
  if (restored) change.publish();
  change.probe(entry);
  return { ok: true, entry };
}

function enterKnown(change: Change, known: Entry, admitted: Admitted, door: Door): Entry {
  const restarted = known.bootId !== null && admitted.bootId !== null && known.bootId !== admitted.bootId;
  const returns = known.health === "gone" || restarted;
  const instance = mergeInstance(known, admitted.instance, door);
  const changed = !Bun.deepEquals(instance, known.instance);
  const entry = change.put({
    ...known,
    instance,
    bootId: admitted.bootId ?? known.bootId,
    byHttp: known.byHttp || door.kind === "http",
    fromFile: door.kind === "file" ? admitted.instance : known.fromFile,
    lease: leaseFor(change, known.lease, door),
    registeredAt: change.now,
    generation: changed || returns ? change.nextNumber() : known.generation,
    ...(returns && { health: "joining", failures: 0, successes: 0, goneAt: null }),
    ...(restarted && { epoch: change.nextNumber(), drained: false, report: null }),
  });
  if (isListed(known) && (changed || returns)) change.publish();
  if (changed) change.log("info", `Changed ${instance.role} instance: ${instance.id}`);
  if (entry.health !== "ready") change.probe(entry, entry.generation !== known.generation);
  return entry;
}

/** Who may say what the instance is: a lease holder before HTTP beats; register.yaml for what HTTP bodies do not carry. */
function mergeInstance(known: Entry, said: Instance, door: Door): Instance {
  if (door.kind === "tcp") return said;
  if (known.lease !== null) return known.instance;
  if (door.kind !== "http" || known.fromFile === null) return said;
  const { model, weight, maxInFlight } = known.fromFile;
  return Object.freeze({
    ...said,
    model: said.model ?? model,
    weight: said.weight === 1 ? weight : said.weight,
    maxInFlight: said.maxInFlight ?? maxInFlight,
  });
}

function leaseFor(change: Change, held: Lease | null, door: Door): Lease | null {
  if (door.kind !== "tcp") return held;
  const expiresAt = change.now + change.rules.leaseMs;
  if (held?.connection === door.connection) return { ...held, expiresAt };
  return { number: change.nextNumber(), connection: door.connection, grantedAt: change.now, expiresAt };
}

function isHeldByOther(lease: Lease | null, connection: number): lease is Lease {
  return lease !== null && lease.connection !== null && lease.connection !== connection;
}

/** Evicted ones take no place; nearly always the size alone tells. */
function isFull(entries: EntryTable, maxInstances: number): boolean {
  if (entries.size < maxInstances) return false;
  let held = 0;
  for (const { health } of entries.values()) if (health !== "gone") held++;
  return held >= maxInstances;
}
