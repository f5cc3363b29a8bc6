/** Counts come back to nothing whatever the order of events (V05), and one epoch never touches another (U29). */
import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import type { LoadDigest } from "../../src/fleet/digest.ts";
import type { FleetMember } from "../../src/fleet/snapshot.ts";
import type { Assignment, Outcome } from "../../src/scheduler/assignment.ts";
import { POLICY_NAMES } from "../../src/scheduler/policies/index.ts";
import type { Scheduler } from "../../src/scheduler/scheduler.ts";
import {
  assigned,
  byPolicy,
  COMPLETED,
  countOf,
  FAILED,
  fleet,
  idOf,
  loadOf,
  member,
  NONE,
  request,
  schedulerOf,
} from "./support.ts";

const SIZE = 5;

const OUTCOMES: readonly Outcome[] = [
  COMPLETED,
  { kind: "completed", usage: { promptTokens: 300, cachedTokens: 100, completionTokens: 5 } },
  { kind: "declined", status: 400 },
  FAILED,
  { kind: "abandoned" },
];

type Event =
  | { readonly kind: "assign"; readonly stream: boolean; readonly tokens: number }
  | { readonly kind: "firstToken"; readonly which: number }
  | { readonly kind: "settle"; readonly which: number; readonly outcome: Outcome }
  | { readonly kind: "update"; readonly present: readonly boolean[]; readonly restarted: number }
  | { readonly kind: "digest"; readonly full: boolean; readonly isLost: boolean };

const which = fc.nat({ max: 1000 });
const event: fc.Arbitrary<Event> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("assign" as const),
      stream: fc.boolean(),
      tokens: fc.double({ min: 0, max: 1e5, noNaN: true }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("firstToken" as const), which }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant("settle" as const), which, outcome: fc.constantFrom(...OUTCOMES) }),
  },
  fc.record({
    kind: fc.constant("update" as const),
    present: fc.array(fc.boolean(), { minLength: SIZE, maxLength: SIZE }),
    restarted: fc.nat({ max: SIZE }),
  }),
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant("digest" as const), full: fc.boolean(), isLost: fc.boolean() }),
  },
);

/** Two dispatchers over one fleet, driven by events. */
class World {
  readonly one: Scheduler;
  readonly two: Scheduler;
  readonly open: Assignment[] = [];
  readonly #epochs = Array.from({ length: SIZE }, () => 1);
  #version = 0;
  #now = 0;

  constructor(one: Scheduler, two: Scheduler) {
    this.one = one;
    this.two = two;
    one.setDispatchers(0, 2);
    two.setDispatchers(1, 2);
    this.#publish(this.#epochs.map(() => true));
  }

  get now(): number {
    return this.#now;
  }

  apply(happened: Event): void {
    this.#now += 10;
    switch (happened.kind) {
      case "assign": {
        const shape = request({ stream: happened.stream, promptTokens: happened.tokens });
        const result = (this.#now % 20 === 0 ? this.one : this.two).assign(shape, NONE, this.#now);
        if (result.ok) this.open.push(result.assignment);
        return;
      }
      case "firstToken":
        this.open[happened.which % this.open.length]?.firstToken(this.#now);
        return;
      case "settle":
        for (const assignment of this.open.splice(happened.which % (this.open.length + 1), 1)) {
          assignment.settle(happened.outcome, this.#now);
        }
        return;
      case "update":
        this.#epochs[happened.restarted] = (this.#epochs[happened.restarted] ?? 0) + 1;
        this.#publish(happened.present);
        return;
      case "digest":
        this.exchange(happened.full, happened.isLost);
    }
  }

  exchange(full: boolean, isLost = false): void {
    const first = this.one.takeDigest(this.#now, full);
    const second = this.two.takeDigest(this.#now, full);
    if (isLost) return;
    if (first !== null) this.two.receive(first, this.#now);
    if (second !== null) this.one.receive(second, this.#now);
  }

  #publish(present: readonly boolean[]): void {
    const members: FleetMember[] = [];
    for (const [number, isPresent] of present.entries()) {
      if (isPresent) members.push(member(number, { epoch: this.#epochs[number] ?? 1 }));
    }
    const snapshot = { version: ++this.#version, members };
    this.one.update(snapshot, this.#now);
    this.two.update(snapshot, this.#now);
  }
}

describe.each(POLICY_NAMES)("with %s", (name) => {
  test("any interleaving of assignments, ends, snapshots, restarts and digests ends with nothing in flight", () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 120 }), (events) => {
        const world = new World(schedulerOf(byPolicy(name), 1), schedulerOf(byPolicy(name), 2));
        for (const happened of events) {
          world.apply(happened);
          for (const view of world.one.inFlight(world.now)) {
            expect(view.inFlight).toBeGreaterThanOrEqual(0);
            expect(view.load).toBeGreaterThanOrEqual(0);
          }
        }
        for (const assignment of world.open) assignment.settle(COMPLETED, world.now);
        world.exchange(true);
        const later = world.now + 120_000;
        for (const scheduler of [world.one, world.two]) {
          for (const view of scheduler.inFlight(later)) expect(view).toEqual({ id: view.id, inFlight: 0, load: 0 });
        }
      }),
      { numRuns: 60, seed: 11 },
    );
  });
});

test("a request is counted from its assignment to its end, whatever the end", () => {
  const scheduler = schedulerOf();
  scheduler.update(fleet(1), 0);
  for (const outcome of OUTCOMES) {
    const assignment = assigned(scheduler, 0);
    expect(countOf(scheduler, 0)).toBe(1);
    assignment.settle(outcome, 0);
    expect(countOf(scheduler, 0)).toBe(0);
  }
});

test("settling twice throws and gives nothing back twice", () => {
  const scheduler = schedulerOf();
  scheduler.update(fleet(1), 0);
  assigned(scheduler, 0);
  const assignment = assigned(scheduler, 0);
  assignment.settle(COMPLETED, 0);
  expect(() => assignment.settle(COMPLETED, 0)).toThrow("twice");
  expect(countOf(scheduler, 0)).toBe(1);
});

test("requests on an instance that left stay counted, and are there when it comes back", () => {
  const scheduler = schedulerOf();
  scheduler.update(fleet(1, 1), 0);
  const assignment = assigned(scheduler, 0);
  scheduler.update(fleet(0, 2), 1);
  expect(countOf(scheduler, 0)).toBe(1);
  scheduler.update(fleet(1, 3), 2);
  expect(countOf(scheduler, 0)).toBe(1);
  assignment.settle(COMPLETED, 3);
  expect(countOf(scheduler, 0)).toBe(0);
});

test("an instance that left is forgotten once its last request ended", () => {
  const scheduler = schedulerOf();
  scheduler.update(fleet(1, 1), 0);
  const assignment = assigned(scheduler, 0);
  scheduler.update(fleet(0, 2), 1);
  assignment.settle(COMPLETED, 2);
  scheduler.update(fleet(0, 3), 3);
  expect(scheduler.inFlight(3)).toEqual([]);
});

test("a new epoch voids the counts of the old one, own and others', and the old ones settle without effect", () => {
  const scheduler = schedulerOf();
  scheduler.update(fleet(1, 1), 0);
  const old = assigned(scheduler, 0, { promptTokens: 5120 });
  scheduler.receive(digestOf(1, 4), 0);
  scheduler.update({ version: 2, members: [member(0, { epoch: 2 })] }, 1);
  expect(countOf(scheduler, 0)).toBe(0);
  expect(loadOf(scheduler, 0, 1)).toBe(0);
  assigned(scheduler, 1);
  old.firstToken(2);
  old.settle(FAILED, 2);
  expect(countOf(scheduler, 0)).toBe(1);
  expect(loadOf(scheduler, 0, 2)).toBeLessThan(2);
});

test("a snapshot of a lower or equal version is ignored", () => {
  const scheduler = schedulerOf();
  scheduler.update(fleet(2, 5), 0);
  scheduler.update(fleet(0, 4), 1);
  scheduler.update(fleet(0, 5), 1);
  expect(scheduler.inFlight(1)).toHaveLength(2);
});

function digestOf(sequence: number, inFlight: number): LoadDigest {
  const loads = [{ id: idOf(0), inFlight, pendingPrefillTokens: 0, promptTokens: 0 }];
  return { dispatcher: "other", sequence, full: true, loads };
}
