/** What every policy of the table must hold, whatever it does besides. */
import { describe, expect, test } from "bun:test";
import type { Instance, InstanceId } from "../../src/fleet/instance.ts";
import type { Random } from "../../src/lib/random.ts";
import { createRandom, randomIndex } from "../../src/lib/random.ts";
import type { Assignment } from "../../src/scheduler/assignment.ts";
import { schedulerOptions } from "../../src/scheduler/options.ts";
import type { PolicyName } from "../../src/scheduler/policies/index.ts";
import { POLICIES, POLICY_NAMES } from "../../src/scheduler/policies/index.ts";
import type { Candidate, DispatcherView, Prefixes, Sessions } from "../../src/scheduler/policy.ts";
import { assigned, byPolicy, COMPLETED, fleet, idOf, instance, member, NONE, request, schedulerOf } from "./support.ts";

/**
 * By how much the chosen one may be busier than the least busy one that the policy read; null for those blind to load.
 * p2c, prefix_affinity: the spill margin, doubled when digests are old.
 */
const SLACK: Readonly<Record<PolicyName, number | null>> = {
  p2c: 8,
  prefix_affinity: 8,
  random: null,
  round_robin: null,
  request_num: 0,
  power_of_two: 0,
  process_tokens: 0,
  fd_metrics_score: 0,
  fd_remote_metrics_score: 0,
  // Load against cached share: without hits the least loaded.
  cache_aware: 0,
  remote_cache_aware: 0,
};

/** A candidate with one figure for every signal, which notes that it was read. */
class ReadCandidate implements Candidate {
  readonly instance: Instance;
  readonly #busy: number;
  readonly #read: Set<number>;

  constructor(number: number, busy: number, read: Set<number>) {
    this.instance = instance(number);
    this.#busy = busy;
    this.#read = read;
  }

  get busy(): number {
    return this.#busy;
  }
  get requestCount(): number {
    return this.load();
  }
  get promptTokens(): number {
    return this.load();
  }
  reportedScore(): number {
    return this.load();
  }
  load(): number {
    this.#read.add(this.#busy);
    return this.#busy;
  }
}

const ALONE: DispatcherView = { index: 0, count: 1, digestAgeMs: () => 0 };
const NO_PREFIXES: Prefixes = { match: () => new Map(), record: () => {} };
const NO_SESSIONS: Sessions = { note: () => {} };
const settings = schedulerOptions.parse({});

describe.each(POLICIES.map((definition) => [definition.name, definition] as const))("%s", (name, definition) => {
  test("says what it does in a sentence", () => {
    expect(definition.summary).toMatch(/^[A-Z].*\.$/);
  });

  test("picks nothing from an empty fleet", () => {
    const scheduler = schedulerOf(byPolicy(name));
    expect(scheduler.assign(request(), NONE, 0)).toEqual({ ok: false, refusal: { kind: "no-instance" } });
  });

  test("takes a single instance", () => {
    const scheduler = schedulerOf(byPolicy(name));
    scheduler.update(fleet(1), 0);
    for (let i = 0; i < 20; i++) expect(assigned(scheduler, i).instance.id).toBe(idOf(0));
  });

  test("picks ready instances only, never a draining one, and suspect ones only when nothing is ready", () => {
    const scheduler = schedulerOf(byPolicy(name));
    const states = ["draining", "ready", "suspect", "ready", "suspect", "draining"] as const;
    scheduler.update({ version: 1, members: states.map((state, number) => member(number, { state })) }, 0);
    expect(picked(200, () => assigned(scheduler, 0))).toEqual(new Set([idOf(1), idOf(3)]));
    const noneReady = states.map((state, number) => member(number, { state: state === "ready" ? "draining" : state }));
    scheduler.update({ version: 2, members: noneReady }, 0);
    expect(picked(200, () => assigned(scheduler, 0))).toEqual(new Set([idOf(2), idOf(4)]));
  });

  test("never picks an excluded instance", () => {
    const scheduler = schedulerOf(byPolicy(name));
    scheduler.update(fleet(5), 0);
    const excluded: ReadonlySet<InstanceId> = new Set([idOf(0), idOf(2), idOf(4)]);
    for (let i = 0; i < 300; i++) {
      const result = scheduler.assign(request(), excluded, i);
      if (!result.ok) throw new Error("refused");
      expect(excluded).not.toContain(result.assignment.instance.id);
    }
  });

  test("never fills an instance beyond its limit, and fills all before it refuses", () => {
    const scheduler = schedulerOf(byPolicy(name));
    const limited = [3, 1, 5].map((maxInFlight, number) => member(number, { instance: { maxInFlight } }));
    scheduler.update({ version: 1, members: limited }, 0);
    for (let i = 0; i < 9; i++) assigned(scheduler, i);
    expect(scheduler.inFlight(9).map(({ inFlight }) => inFlight)).toEqual([3, 1, 5]);
    expect(scheduler.assign(request(), NONE, 9)).toEqual({ ok: false, refusal: { kind: "saturated" } });
  });

  test("makes the same picks from the same seed", () => {
    const [first, second] = [1, 2].map(() => {
      const scheduler = schedulerOf(byPolicy(name), 7);
      scheduler.update(fleet(20), 0);
      return Array.from({ length: 500 }, (_, i) => assigned(scheduler, i).instance.id);
    });
    expect(first).toEqual(second ?? []);
  });

  test.each([
    [1, 16],
    [4, 16],
    [3, 100],
  ])(
    "is fair within a tenth and chance (4 sigma) over 100,000 picks by %i dispatchers over %i instances",
    (dispatchers, instances) => {
      const schedulers = Array.from({ length: dispatchers }, (_, index) => schedulerOf(byPolicy(name), index + 1));
      for (const [index, scheduler] of schedulers.entries()) {
        scheduler.update(fleet(instances), 0);
        scheduler.setDispatchers(index, dispatchers);
      }
      const picks = new Map<InstanceId, number>();
      const open: Assignment[] = [];
      const random = createRandom(5);
      for (let i = 0; i < 100_000; i++) {
        const scheduler = schedulers[i % dispatchers];
        if (scheduler === undefined) throw new Error("no scheduler");
        const assignment = assigned(scheduler, i);
        picks.set(assignment.instance.id, (picks.get(assignment.instance.id) ?? 0) + 1);
        open.push(assignment);
        if (open.length > instances * 20) settleAny(open, random, i);
        if (i % 50 === 0) exchange(schedulers, i);
      }
      const mean = 100_000 / instances;
      const slack = 0.1 + 4 / Math.sqrt(mean);
      expect(Math.max(...picks.values())).toBeLessThan(mean * (1 + slack));
      expect(Math.min(...picks.values())).toBeGreaterThan(mean * (1 - slack));
      expect(picks.size).toBe(instances);
    },
  );

  const slack = SLACK[name];
  if (slack === null) return;
  test("never picks one busier than another that it read, beyond its slack", () => {
    const random = createRandom(3);
    for (let round = 0; round < 2000; round++) {
      const read = new Set<number>();
      const size = 1 + Math.floor(random() * 80);
      const candidates = Array.from(
        { length: size },
        (_, number) => new ReadCandidate(number, Math.floor(random() * 40), read),
      );
      const policy = definition.create({
        random,
        settings,
        dispatchers: ALONE,
        prefixes: NO_PREFIXES,
        sessions: NO_SESSIONS,
      });
      const chosen = policy.pick(candidates, request(), 0);
      if (size > 1) expect(read).toContain(chosen.busy);
      expect(chosen.busy).toBeLessThanOrEqual(Math.min(chosen.busy, ...read) + slack);
    }
  });
});

test("the names of policies are unique, and the default is one of them", () => {
  expect(new Set(POLICY_NAMES).size).toBe(POLICY_NAMES.length);
  expect(POLICY_NAMES).toContain(settings.policy);
});

function picked(count: number, pick: () => Assignment): Set<InstanceId> {
  return new Set(Array.from({ length: count }, () => pick().instance.id));
}

function settleAny(open: Assignment[], random: Random, now: number): void {
  const index = randomIndex(random, open.length);
  open[index]?.settle(COMPLETED, now);
  const last = open.pop();
  if (last !== undefined && index < open.length) open[index] = last;
}

function exchange(schedulers: readonly ReturnType<typeof schedulerOf>[], now: number): void {
  for (const sender of schedulers) {
    const digest = sender.takeDigest(now, false);
    if (digest !== null) for (const receiver of schedulers) receiver.receive(digest, now);
  }
}
