/**
 * The truth about the fleet, as a pure state machine: joining → ready ⇄ suspect → gone, and drained beside it
 * (drawing in docs/registration.md). Every door, probe and clock ends up in `apply`; service.ts carries the effects out.
 */
import type { InstanceId } from "../fleet/instance.ts";
import { Change } from "./change.ts";
import type { EngineFigures, EngineReport, LeaseRef, RegistryCommand } from "./commands.ts";
import { enter } from "./enter.ts";
import { closeConnection, endLease, expireLeases } from "./leases.ts";
import { type Entry, isListed } from "./entry.ts";
import type { Answer, Applied, RegistryState } from "./state.ts";

/** Evicted addresses that are watched for their return; the oldest is dropped for a new one. */
const MAX_GONE = 1024;

/** `now` is monotonic, in milliseconds, and never falls between calls. */
export function apply(state: RegistryState, command: RegistryCommand, now: number): Applied {
  const change = new Change(state, now);
  let answer: Answer = { ok: true, entry: null };
  switch (command.kind) {
    case "register":
      answer = enter(change, command.admitted, command.door);
      break;
    case "beat":
      answer = beat(change, command.at, command.figures);
      break;
    case "report":
      for (const engineReport of command.reports) takeReport(change, engineReport);
      break;
    case "drain":
      answer = setDrained(change, command.id, true);
      break;
    case "resume":
      answer = setDrained(change, command.id, false);
      break;
    case "leave":
      leave(change, command.id);
      break;
    case "unlist":
      unlist(change, command.id);
      break;
    case "disconnected":
      closeConnection(change, command.connection);
      break;
    case "probed":
      probed(change, command);
      break;
    case "observed":
      observed(change, command.id);
      break;
    case "tick":
      expireLeases(change);
      break;
  }
  return change.finish(answer);
}

function beat(change: Change, at: LeaseRef, figures: EngineFigures | null): Answer {
  const entry = change.entries.get(at.id);
  if (entry?.lease?.number !== at.lease) return notRegistered(at.id);
  const lease = { ...entry.lease, expiresAt: change.now + change.rules.leaseMs };
  const report = figures === null ? entry.report : { figures, at: change.now, scraped: false };
  if (figures !== null && isListed(entry)) change.reported(at.id);
  return { ok: true, entry: change.put({ ...entry, lease, report }) };
}

function takeReport(change: Change, { id, epoch, figures }: EngineReport): void {
  const entry = change.entries.get(id);
  if (entry?.epoch !== epoch || !isListed(entry)) return;
  // The first one makes the instance known; what it says later can wait a little.
  if (entry.report === null) change.publish();
  else change.reported(id);
  change.put({ ...entry, report: { figures, at: change.now, scraped: true } });
}

function setDrained(change: Change, id: InstanceId, drained: boolean): Answer {
  const entry = change.entries.get(id);
  if (entry === undefined) return notRegistered(id);
  if (entry.drained === drained) return { ok: true, entry };
  if (isListed(entry)) change.publish();
  change.log("info", `${drained ? "Draining" : "Resumed"} ${entry.instance.role} instance: ${id}`);
  return { ok: true, entry: change.put({ ...entry, drained }) };
}

/** A goodbye also ends an HTTP registration; a line of register.yaml stands. */
function leave(change: Change, id: InstanceId): void {
  const entry = change.entries.get(id);
  if (entry === undefined) return;
  endLease(change, change.put({ ...entry, byHttp: false }), "it left");
}

function unlist(change: Change, id: InstanceId): void {
  const entry = change.entries.get(id);
  if (entry === undefined || entry.fromFile === null) return;
  const kept = change.put({ ...entry, fromFile: null });
  if (kept.lease === null) endLease(change, kept, "register.yaml names it no more");
}

function observed(change: Change, id: InstanceId): void {
  const entry = change.entries.get(id);
  if (entry !== undefined && isListed(entry)) change.probe(entry);
}

function probed(change: Change, result: Extract<RegistryCommand, { kind: "probed" }>): void {
  const entry = change.entries.get(result.id);
  if (entry?.generation !== result.generation) return;
  if (result.healthy) probeSucceeded(change, entry);
  else probeFailed(change, entry, result.startedAt);
}

function probeSucceeded(change: Change, entry: Entry): void {
  if (entry.health === "ready" && entry.failures === 0) return;
  if (isListed(entry)) {
    change.put({ ...entry, health: "ready", failures: 0 });
    if (entry.health === "ready") return;
    change.publish();
    change.log("info", `Server ${entry.instance.id} is healthy`);
    return;
  }
  const successes = entry.successes + 1;
  if (successes < change.rules.successThreshold) {
    change.probe(change.put({ ...entry, successes }));
    return;
  }
  change.put({ ...entry, health: "ready", failures: 0, successes: 0, readyAt: change.now, goneAt: null });
  change.publish();
  change.settle(entry, true);
  change.log("info", `Registered ${entry.instance.role} instance: ${entry.instance.id}`);
}

function probeFailed(change: Change, entry: Entry, startedAt: number): void {
  switch (entry.health) {
    case "joining":
      failedToJoin(change, entry);
      return;
    case "gone":
      if (entry.successes > 0) change.put({ ...entry, successes: 0 });
      return;
    case "ready":
    case "suspect": {
      // A result older than the last registration may speak of the process before it: look again before it counts.
      const stale = startedAt < entry.registeredAt && entry.health === "ready";
      const failures = entry.failures + (stale ? 0 : 1);
      if (failures >= change.rules.failureThreshold && !stale) {
        evict(change, entry);
        return;
      }
      const suspect = change.put({ ...entry, health: "suspect", failures });
      if (stale) change.probe(suspect);
      if (entry.health === "suspect") return;
      change.publish();
      change.log("warn", `Server ${entry.instance.id} is not healthy`);
    }
  }
}

/** Whoever keeps the entry may try on; an HTTP registration is refused, and the engine posts again by itself. */
function failedToJoin(change: Change, entry: Entry): void {
  if (entry.lease !== null || entry.fromFile !== null) change.put({ ...entry, successes: 0 });
  else if (entry.readyAt !== null) setGone(change, entry);
  else change.drop(entry);
  change.settle(entry, false);
}

function evict(change: Change, entry: Entry): void {
  setGone(change, entry);
  change.publish();
  change.log("error", `Removed unhealthy ${entry.instance.role} instance: ${entry.instance.id}`);
  const [prefill, decode, mixed] = (["prefill", "decode", "mixed"] as const).map((role) =>
    [...change.entries.values()]
      .filter((other) => isListed(other) && other.instance.role === role)
      .map((other) => other.instance.id)
      .join(" "),
  );
  change.log("debug", `Healthy instances: prefill=[${prefill}], decode=[${decode}], mixed=[${mixed}]`);
}

function setGone(change: Change, entry: Entry): void {
  change.put({ ...entry, health: "gone", failures: 0, successes: 0, goneAt: change.now, report: null });
  const gone = [...change.entries.values()].filter((other) => other.health === "gone" && other.fromFile === null);
  if (gone.length <= MAX_GONE) return;
  const oldest = gone.reduce((a, b) => ((b.goneAt ?? 0) < (a.goneAt ?? 0) ? b : a));
  change.revoke(oldest.lease, "removed");
  change.drop(oldest);
}

function notRegistered(id: InstanceId): Answer {
  return { ok: false, code: "unknown_lease", message: `${id} is not registered` };
}
