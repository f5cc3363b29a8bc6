/** What is peculiar to `prefix_affinity`: when a prompt follows its cache, and when it does not. */
import { expect, test } from "bun:test";
import type { Scheduler } from "../../src/scheduler/scheduler.ts";
import { assigned, byPolicy, COMPLETED, fleet, idOf, schedulerOf } from "./support.ts";

const PROMPT = { promptTokens: 10_240, prefixHashes: Array.from({ length: 20 }, (_, block) => block) };

/** More instances than one dispatcher reads: the holder is seldom among those by chance. */
function fleetOf(instances: number, over = {}, seed = 1): Scheduler {
  const scheduler = schedulerOf({ ...byPolicy("prefix_affinity"), ...over }, seed);
  scheduler.update(fleet(instances), 0);
  return scheduler;
}

test("a prompt goes where its beginning was sent before", () => {
  const scheduler = fleetOf(200);
  const first = assigned(scheduler, 0, PROMPT);
  first.settle(COMPLETED, 1);
  for (let i = 2; i < 50; i++) {
    const longer = { promptTokens: 12_000, prefixHashes: [...PROMPT.prefixHashes, 1000 + i] };
    const again = assigned(scheduler, i, longer);
    expect(again.instance.id).toBe(first.instance.id);
    again.settle(COMPLETED, i);
  }
});

test("it goes elsewhere when the load there costs more than the cache saves", () => {
  const scheduler = fleetOf(200);
  const { id } = assigned(scheduler, 0, PROMPT).instance;
  // 20 blocks of 512 tokens save as much as 20 requests cost; one is left to the margin each time.
  const chosen = Array.from({ length: 60 }, (_, i) => assigned(scheduler, i, PROMPT).instance.id);
  const there = chosen.filter((each) => each === id).length;
  expect(there).toBeLessThan(20);
  expect(new Set(chosen).size).toBeGreaterThan(3);
});

test("a short prompt is not worth a detour beyond the margin", () => {
  const scheduler = fleetOf(200);
  const short = { promptTokens: 64, prefixHashes: [1] };
  const chosen = Array.from({ length: 50 }, (_, i) => assigned(scheduler, i, short).instance.id);
  expect(new Set(chosen).size).toBeGreaterThan(20);
});

test("what another dispatcher sent somewhere counts when its digest has come", () => {
  const [teller, hearer] = [1, 2].map((seed) => fleetOf(200, {}, seed));
  if (teller === undefined || hearer === undefined) throw new Error("no schedulers");
  teller.setDispatchers(0, 2);
  hearer.setDispatchers(1, 2);
  const first = assigned(teller, 0, PROMPT);
  first.settle(COMPLETED, 0);
  const digest = teller.takeDigest(1, false);
  if (digest === null) throw new Error("no digest");
  hearer.receive(digest, 2);
  expect(assigned(hearer, 3, PROMPT).instance.id).toBe(first.instance.id);
});

test("without a known beginning it is p2c", () => {
  const affine = fleetOf(50);
  const plain = schedulerOf(byPolicy("p2c"));
  plain.update(fleet(50), 0);
  const picks = (scheduler: Scheduler): string[] =>
    Array.from({ length: 200 }, (_, i) => assigned(scheduler, i).instance.id);
  expect(picks(affine)).toEqual(picks(plain));
  expect(picks(affine)).toContain(idOf(7));
});
