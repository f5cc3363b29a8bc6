import { describe, expect, test } from "bun:test";
import { type Instance, instanceId, type InstanceId } from "../../src/fleet/instance.ts";
import type { Admitted, Door, RegistryCommand } from "../../src/registry/commands.ts";
import { apply } from "../../src/registry/registry.ts";
import type { Entry } from "../../src/registry/entry.ts";
import {
  type Applied,
  type Effect,
  emptyState,
  type RegistryRules,
  type RegistryState,
  snapshotOf,
} from "../../src/registry/state.ts";
import { instanceAt } from "../support/instance.ts";

const RULES: RegistryRules = {
  maxInstances: 3,
  leaseMs: 15_000,
  closedLeaseMs: 5000,
  failureThreshold: 1,
  successThreshold: 1,
};
const A = instanceId("http", "10.0.0.1", 8000);
const B = instanceId("http", "10.0.0.2", 8000);

function instance(id: InstanceId, more: Partial<Instance> = {}): Instance {
  const { hostname, port } = new URL(id);
  return instanceAt(hostname, Number(port), more);
}

/** Drives one state through commands, keeping the effects of the last. */
class Driver {
  state: RegistryState;
  effects: readonly Effect[] = [];
  now = 0;

  constructor(rules: Partial<RegistryRules> = {}) {
    this.state = emptyState({ ...RULES, ...rules });
  }

  run(command: RegistryCommand): Applied {
    const applied = apply(this.state, command, this.now);
    this.state = applied.state;
    this.effects = applied.effects;
    return applied;
  }

  register(id: InstanceId, door: Door = { kind: "http" }, more: Partial<Admitted> = {}): Applied {
    return this.run({ kind: "register", admitted: { instance: instance(id), bootId: null, ...more }, door });
  }

  probed(id: InstanceId, healthy: boolean, startedAt = this.now): void {
    this.run({ kind: "probed", id, generation: this.entry(id)?.generation ?? 0, startedAt, healthy });
  }

  ready(id: InstanceId, door?: Door): this {
    this.register(id, door);
    this.probed(id, true);
    return this;
  }

  entry(id: InstanceId): Entry | undefined {
    return this.state.entries.get(id);
  }

  shown(): Record<string, string> {
    return Object.fromEntries(snapshotOf(this.state, this.now).members.map((m) => [m.instance.id, m.state]));
  }

  count(kind: Effect["kind"]): number {
    return this.effects.filter((effect) => effect.kind === kind).length;
  }
}

const tcp = (connection: number): Door => ({ kind: "tcp", connection });

describe("joining and health", () => {
  test("a first registration is probed before it counts", () => {
    const fleet = new Driver();
    fleet.register(A);
    expect([fleet.shown(), fleet.count("probe")]).toEqual([{}, 1]);
    fleet.probed(A, true);
    expect(fleet.shown()).toEqual({ [A]: "ready" });
    expect(fleet.effects).toContainEqual({ kind: "settled", id: A, joined: true });
  });

  test("a refused newcomer is forgotten", () => {
    const fleet = new Driver();
    fleet.register(A);
    fleet.probed(A, false);
    expect(fleet.entry(A)).toBeUndefined();
    expect(fleet.effects).toContainEqual({ kind: "settled", id: A, joined: false });
  });

  test("joining takes as many good probes in a row as the threshold says", () => {
    const fleet = new Driver({ successThreshold: 3 });
    fleet.register(A);
    fleet.probed(A, true);
    fleet.probed(A, true);
    expect([fleet.shown(), fleet.count("probe")]).toEqual([{}, 1]);
    fleet.probed(A, true);
    expect(fleet.shown()).toEqual({ [A]: "ready" });
  });

  test("B25 a heartbeat of a ready instance costs no probe and publishes nothing", () => {
    const fleet = new Driver().ready(A);
    const { version } = fleet.state;
    fleet.register(A);
    expect(fleet.effects).toEqual([]);
    expect(fleet.state.version).toBe(version);
  });

  test("below the threshold an instance is suspect, at it evicted, after it comes back by itself", () => {
    const fleet = new Driver({ failureThreshold: 2 }).ready(A);
    fleet.now = 10;
    fleet.probed(A, false);
    expect(fleet.shown()).toEqual({ [A]: "suspect" });
    fleet.probed(A, true);
    expect(fleet.shown()).toEqual({ [A]: "ready" });
    fleet.probed(A, false);
    fleet.probed(A, false);
    expect(fleet.shown()).toEqual({});
    expect(fleet.effects).toContainEqual({
      kind: "log",
      level: "error",
      message: `Removed unhealthy mixed instance: ${A}`,
    });
    fleet.now = 20;
    fleet.probed(A, true);
    expect(fleet.shown()).toEqual({ [A]: "ready" });
    expect(fleet.entry(A)?.readyAt).toBe(20);
  });

  test("B22 a probe result from before a re-registration cannot remove the fresh entry", () => {
    const fleet = new Driver().ready(A);
    const old = fleet.entry(A)?.generation ?? 0;
    fleet.register(A, { kind: "http" }, { instance: instance(A, { tpSize: 2 }) });
    fleet.run({ kind: "probed", id: A, generation: old, startedAt: 0, healthy: false });
    expect(fleet.shown()).toEqual({ [A]: "ready" });
  });

  test("B22 a failure that began before the last heartbeat is looked at again before it counts, once", () => {
    const fleet = new Driver().ready(A);
    fleet.now = 100;
    fleet.register(A);
    fleet.probed(A, false, 50);
    expect([fleet.shown(), fleet.count("probe")]).toEqual([{ [A]: "suspect" }, 1]);
    fleet.now = 200;
    fleet.register(A);
    fleet.probed(A, false, 150);
    expect(fleet.shown()).toEqual({});
  });

  test("B23 an instance of register.yaml never vanishes", () => {
    const fleet = new Driver();
    fleet.register(A, { kind: "file" });
    fleet.probed(A, false);
    fleet.probed(A, true);
    fleet.probed(A, false);
    fleet.now = 7 * 24 * 3_600_000;
    fleet.run({ kind: "tick" });
    fleet.probed(A, true);
    expect(fleet.shown()).toEqual({ [A]: "ready" });
    fleet.run({ kind: "unlist", id: A });
    expect(fleet.entry(A)).toBeUndefined();
  });

  test("the list of evicted addresses is bounded, the oldest goes first", () => {
    const fleet = new Driver({ maxInstances: 4096 });
    for (let i = 0; i < 1025; i++) {
      const id = instanceId("http", `10.1.${i >> 8}.${i & 255}`, 1);
      fleet.now = i;
      fleet.ready(id);
      fleet.probed(id, false);
    }
    expect(fleet.state.entries.size).toBe(1024);
    expect(fleet.entry(instanceId("http", "10.1.0.0", 1))).toBeUndefined();
  });
});

describe("drains", () => {
  test("a drained instance stays drained through heartbeats, a failure and a return", () => {
    const fleet = new Driver().ready(A);
    fleet.run({ kind: "drain", id: A });
    expect(fleet.shown()).toEqual({ [A]: "draining" });
    fleet.register(A);
    fleet.now = 10;
    fleet.probed(A, false);
    fleet.register(A);
    fleet.probed(A, true);
    expect(fleet.shown()).toEqual({ [A]: "draining" });
    fleet.run({ kind: "resume", id: A });
    expect(fleet.shown()).toEqual({ [A]: "ready" });
  });

  test("U29 a new process ends a drain and starts a new epoch, the same one does not", () => {
    const fleet = new Driver();
    fleet.register(A, tcp(1), { bootId: "one" });
    fleet.probed(A, true);
    fleet.run({ kind: "drain", id: A });
    const epoch = fleet.entry(A)?.epoch ?? 0;
    fleet.register(A, tcp(1), { bootId: "one" });
    expect([fleet.entry(A)?.drained, fleet.entry(A)?.epoch]).toEqual([true, epoch]);
    fleet.register(A, tcp(1), { bootId: "two" });
    expect(fleet.entry(A)?.drained).toBe(false);
    expect(fleet.entry(A)?.epoch).toBeGreaterThan(epoch);
    expect(fleet.shown()).toEqual({});
    fleet.probed(A, true);
    expect(fleet.shown()).toEqual({ [A]: "ready" });
  });

  test("orders for an unknown instance are refused", () => {
    expect(new Driver().run({ kind: "drain", id: A }).answer).toMatchObject({ ok: false });
  });
});

describe("leases", () => {
  test("G20 a lease that is not kept removes its instance, one that is kept does not", () => {
    const fleet = new Driver().ready(A, tcp(1)).ready(B, tcp(1));
    const lease = fleet.entry(A)?.lease?.number ?? 0;
    fleet.now = 10_000;
    fleet.run({ kind: "beat", at: { id: A, lease }, figures: null });
    fleet.now = 15_000;
    fleet.run({ kind: "tick" });
    expect(fleet.shown()).toEqual({ [A]: "ready" });
    expect(fleet.count("revoke")).toBe(1);
  });

  test("G20 when all leases of a role run out at once, those stay that answer their probe", () => {
    const fleet = new Driver().ready(A, tcp(1)).ready(B, tcp(1));
    fleet.now = 60_000;
    fleet.run({ kind: "tick" });
    expect(fleet.shown()).toEqual({ [A]: "suspect", [B]: "suspect" });
    expect(fleet.count("probe")).toBe(2);
    fleet.probed(A, true);
    fleet.probed(B, false);
    expect(fleet.shown()).toEqual({ [A]: "ready" });
  });

  test("G20 D04 when the router itself was asleep, leases get time for the beats that wait unread", () => {
    const fleet = new Driver().ready(A, tcp(1)).ready(B);
    fleet.run({ kind: "tick" });
    fleet.now = 60_000;
    fleet.run({ kind: "tick" });
    expect(fleet.shown()).toEqual({ [A]: "ready", [B]: "ready" });
    const at = { id: A, lease: fleet.entry(A)?.lease?.number ?? 0 };
    expect(fleet.run({ kind: "beat", at, figures: null }).answer.ok).toBe(true);
    for (fleet.now = 61_000; fleet.now <= 75_000; fleet.now += 1000) fleet.run({ kind: "tick" });
    expect(fleet.shown()).toEqual({ [B]: "ready" });
  });

  test("a closed connection starts the last seconds of its leases and an early look", () => {
    const fleet = new Driver().ready(A, tcp(1)).ready(B, tcp(2));
    fleet.run({ kind: "disconnected", connection: 1 });
    expect(fleet.effects).toEqual([{ kind: "probe", id: A, again: true }]);
    fleet.now = 4999;
    fleet.run({ kind: "tick" });
    expect(Object.keys(fleet.shown())).toEqual([A, B]);
    fleet.now = 5000;
    fleet.run({ kind: "tick" });
    expect(fleet.shown()).toEqual({ [B]: "ready" });
  });

  test("a client that comes back in time keeps its instance", () => {
    const fleet = new Driver().ready(A, tcp(1));
    fleet.run({ kind: "disconnected", connection: 1 });
    fleet.now = 3000;
    fleet.register(A, tcp(2));
    fleet.now = 6000;
    fleet.run({ kind: "tick" });
    expect(fleet.shown()).toEqual({ [A]: "ready" });
  });

  test("G17 of two connections the newest wins, but not in turns", () => {
    const fleet = new Driver().ready(A, tcp(1));
    const first = fleet.entry(A)?.lease?.number ?? 0;
    fleet.now = 1000;
    expect(fleet.register(A, tcp(2)).answer).toMatchObject({ ok: false, code: "taken" });
    fleet.now = 6000;
    expect(fleet.register(A, tcp(2)).answer.ok).toBe(true);
    expect(fleet.effects).toContainEqual({ kind: "revoke", connection: 1, lease: first, reason: "replaced" });
    expect(fleet.register(A, tcp(1)).answer).toMatchObject({ ok: false, code: "taken" });
    expect(fleet.run({ kind: "beat", at: { id: A, lease: first }, figures: null }).answer.ok).toBe(false);
    expect(fleet.shown()).toEqual({ [A]: "ready" });
  });

  test("a goodbye removes at once; so does it for an HTTP registration of the same server", () => {
    const fleet = new Driver().ready(A, tcp(1));
    fleet.register(A);
    fleet.run({ kind: "leave", id: A });
    expect(fleet.entry(A)).toBeUndefined();
  });

  test("without its lease an instance that also posts over HTTP stays", () => {
    const fleet = new Driver().ready(A, tcp(1)).ready(B);
    fleet.register(A);
    fleet.now = 20_000;
    fleet.run({ kind: "tick" });
    expect(fleet.shown()).toEqual({ [A]: "ready", [B]: "ready" });
  });

  test("HTTP beats do not overwrite what the lease holder said", () => {
    const fleet = new Driver();
    fleet.register(A, tcp(1), { instance: instance(A, { weight: 2, model: "m" }) });
    fleet.register(A);
    expect(fleet.entry(A)?.instance).toMatchObject({ weight: 2, model: "m" });
  });

  test("G18 a hundred registrations and goodbyes leave nothing behind", () => {
    const fleet = new Driver().ready(B);
    for (let i = 0; i < 100; i++) {
      fleet.now += 10;
      fleet.ready(A, tcp(i + 1));
      fleet.run({ kind: "leave", id: A });
    }
    expect(fleet.shown()).toEqual({ [B]: "ready" });
    expect(fleet.state.entries.size).toBe(1);
  });

  test("G16 a full table refuses newcomers and keeps what it has", () => {
    const fleet = new Driver()
      .ready(A)
      .ready(B)
      .ready(instanceId("http", "10.0.0.3", 1));
    const refused = fleet.register(instanceId("http", "10.0.0.4", 1)).answer;
    expect(refused).toEqual({ ok: false, code: "table_full", message: "the table is full (3 instances)" });
    expect(fleet.register(A).answer.ok).toBe(true);
    expect(Object.keys(fleet.shown())).toHaveLength(3);
  });
});

describe("snapshot", () => {
  test("figures are published later than membership, and age", () => {
    const fleet = new Driver().ready(A, tcp(1));
    fleet.now = 100;
    const at = { id: A, lease: fleet.entry(A)?.lease?.number ?? 0 };
    fleet.run({ kind: "beat", at, figures: { running: 1, waiting: 2, kvUsage: 0.5 } });
    expect(fleet.effects).toEqual([{ kind: "reported", ids: [A] }]);
    fleet.now = 150;
    fleet.run({ kind: "beat", at, figures: null });
    expect(fleet.effects).toEqual([]);
    const member = snapshotOf(fleet.state, 160).members[0];
    expect(member?.report).toEqual({ running: 1, waiting: 2, kvUsage: 0.5, ageMs: 60 });
    expect(member?.readyAgeMs).toBe(160);
  });

  test("a restored instance serves as suspect until it is probed", () => {
    const fleet = new Driver();
    fleet.register(A, { kind: "saved", drained: false });
    expect([fleet.shown(), fleet.count("probe")]).toEqual([{ [A]: "suspect" }, 1]);
    fleet.probed(A, true);
    expect(fleet.shown()).toEqual({ [A]: "ready" });
  });
});
