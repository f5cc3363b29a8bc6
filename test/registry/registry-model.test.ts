import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { instanceId, type InstanceId, type Role } from "../../src/fleet/instance.ts";
import { admit, draftOfFields } from "../../src/registry/admission.ts";
import type { RegistryCommand } from "../../src/registry/commands.ts";
import { apply } from "../../src/registry/registry.ts";
import { isListed } from "../../src/registry/entry.ts";
import { type Applied, emptyState, type RegistryState, snapshotOf } from "../../src/registry/state.ts";

const MAX_INSTANCES = 4;
const IDS = [1, 2, 3, 4, 5, 6].map((n) => instanceId("http", `10.0.0.${n}`, 80));
const ADDRESSES = {
  denyMetadata: true,
  allowLoopback: true,
  allowed: null,
  own: { addresses: new Set<string>(), ports: new Set<number>() },
};

/** What a run of commands is made of; generations and leases are filled in from the state, sometimes wrongly. */
type Step =
  | { kind: "register"; id: number; door: "http" | "file" | "tcp"; connection: number; boot: number; weight: number }
  | { kind: "probed"; id: number; healthy: boolean; stale: boolean }
  | { kind: "beat"; id: number; wrong: boolean }
  | { kind: "drain" | "resume" | "leave" | "unlist" | "observed"; id: number }
  | { kind: "disconnected"; connection: number }
  | { kind: "tick" };

const id = fc.nat(IDS.length - 1);
const connection = fc.integer({ min: 1, max: 3 });
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    kind: fc.constant("register" as const),
    id,
    door: fc.constantFrom("http" as const, "file" as const, "tcp" as const),
    connection,
    boot: fc.nat(2),
    weight: fc.constantFrom(1, 2),
  }),
  fc.record({ kind: fc.constant("probed" as const), id, healthy: fc.boolean(), stale: fc.boolean() }),
  fc.record({ kind: fc.constant("beat" as const), id, wrong: fc.boolean() }),
  fc.record({
    kind: fc.constantFrom(
      "drain" as const,
      "resume" as const,
      "leave" as const,
      "unlist" as const,
      "observed" as const,
    ),
    id,
  }),
  fc.record({ kind: fc.constant("disconnected" as const), connection }),
  fc.record({ kind: fc.constant("tick" as const) }),
);

function idAt(index: number): InstanceId {
  return IDS[index] ?? instanceId("http", "10.0.0.1", 80);
}

function commandOf(made: Step, state: RegistryState, now: number): RegistryCommand {
  switch (made.kind) {
    case "register": {
      const role: Role = "mixed";
      const host_ip = new URL(idAt(made.id)).hostname;
      const boot_id = made.boot === 0 ? undefined : String(made.boot);
      const draft = draftOfFields({ role, host_ip, port: 80, weight: made.weight, boot_id });
      const admission = admit(draft, null, { splitwise: false, addresses: ADDRESSES });
      if (!admission.ok) throw new Error(admission.problem);
      const door = made.door === "tcp" ? ({ kind: "tcp", connection: made.connection } as const) : { kind: made.door };
      return { kind: "register", admitted: admission.admitted, door };
    }
    case "probed": {
      const generation = (state.entries.get(idAt(made.id))?.generation ?? 0) - (made.stale ? 1 : 0);
      return { kind: "probed", id: idAt(made.id), generation, startedAt: now - 100, healthy: made.healthy };
    }
    case "beat": {
      const lease = (state.entries.get(idAt(made.id))?.lease?.number ?? 0) + (made.wrong ? 1 : 0);
      return { kind: "beat", at: { id: idAt(made.id), lease }, figures: { running: 1, waiting: 0, kvUsage: 0 } };
    }
    case "disconnected":
    case "tick":
      return made;
    case "drain":
    case "resume":
    case "leave":
    case "unlist":
    case "observed":
      break;
  }
  return { kind: made.kind, id: idAt(made.id) };
}

function checkInvariants(
  before: RegistryState,
  { state, effects, answer }: Applied,
  command: RegistryCommand,
  now: number,
): void {
  const snapshot = snapshotOf(state, now);
  const entries = [...state.entries.values()];
  // The version grows by one exactly when something is published, be it figures alone; a membership that differs is published.
  const published = effects.some((effect) => effect.kind === "publish");
  const reported = effects.some((effect) => effect.kind === "reported");
  expect(state.version - before.version).toBe(published || reported ? 1 : 0);
  expect(published && reported).toBe(false);
  const shape = (s: RegistryState): unknown => snapshotOf(s, now).members.map((m) => [m.instance, m.state, m.epoch]);
  if (!published) expect(shape(state)).toEqual(shape(before));
  // The snapshot holds each listed instance once, and nothing that is joining or gone.
  expect(snapshot.members.map((m) => m.instance.id)).toEqual(entries.filter(isListed).map((e) => e.instance.id));
  // Leases are unique, and what nothing keeps is not there.
  const leases = entries.flatMap((entry) => (entry.lease === null ? [] : [entry.lease.number]));
  expect(new Set(leases).size).toBe(leases.length);
  for (const entry of entries) expect(entry.byHttp || entry.fromFile !== null || entry.lease !== null).toBe(true);
  for (const entry of entries) expect(entry.goneAt !== null).toBe(entry.health === "gone");
  // The cap holds for newcomers.
  const isNew = command.kind === "register" && !before.entries.has(command.admitted.instance.id);
  const held = [...before.entries.values()].filter((entry) => entry.health !== "gone").length;
  if (isNew) expect(answer.ok).toBe(held < MAX_INSTANCES);
  // A drain ends by resume, by a new process or with the entry.
  for (const old of before.entries.values()) {
    const entry = state.entries.get(old.instance.id);
    if (old.drained && entry !== undefined && command.kind !== "resume" && entry.epoch === old.epoch) {
      expect(entry.drained).toBe(true);
    }
    if (entry !== undefined) expect(entry.epoch).toBeGreaterThanOrEqual(old.epoch);
  }
  // Nobody but the last holder of a lease is told that it is over, and only when it is.
  for (const effect of effects) if (effect.kind === "revoke") expect(leases).not.toContain(effect.lease);
}

test("whatever happens in whatever order, the invariants of the fleet hold", () => {
  const run = fc.array(fc.record({ step, afterMs: fc.constantFrom(0, 1, 1000, 6000, 16_000) }), {
    minLength: 20,
    maxLength: 80,
  });
  fc.assert(
    fc.property(run, fc.integer({ min: 1, max: 2 }), (steps, threshold) => {
      let state = emptyState({
        maxInstances: MAX_INSTANCES,
        leaseMs: 15_000,
        closedLeaseMs: 5000,
        failureThreshold: threshold,
        successThreshold: threshold,
      });
      let now = 0;
      for (const { step: made, afterMs } of steps) {
        now += afterMs;
        const command = commandOf(made, state, now);
        const frozen = JSON.stringify([...state.entries.values()]);
        const applied = apply(state, command, now);
        expect(JSON.stringify([...state.entries.values()])).toBe(frozen); // the old state is left alone
        checkInvariants(state, applied, command, now);
        state = applied.state;
      }
    }),
    { numRuns: 150, seed: 11 },
  );
});
