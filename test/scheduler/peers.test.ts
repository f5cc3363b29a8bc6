/** Digests carry absolute values: lost, late, doubled or out of order, they end in the same state (V04). */
import { expect, test } from "bun:test";
import * as fc from "fast-check";
import type { LoadDigest } from "../../src/fleet/digest.ts";
import { Peers } from "../../src/scheduler/peers.ts";
import { assigned, fleet, idOf, loadOf, schedulerOf } from "./support.ts";

const SIZE = 4;

/** What a dispatcher sends while its counts change: every third digest is full. */
const history = fc
  .array(fc.array(fc.nat({ max: 9 }), { minLength: SIZE, maxLength: SIZE }), { minLength: 1, maxLength: 12 })
  .map((states) => {
    let before = Array.from({ length: SIZE }, () => 0);
    return states.map((state, sequence): LoadDigest => {
      const full = sequence % 3 === 0;
      const told = state.map((inFlight, number) => load(number, inFlight));
      const loads = told.filter(({ inFlight }, number) => (full ? inFlight > 0 : inFlight !== before[number]));
      before = state;
      return { dispatcher: "other", sequence, full, loads };
    });
  });

function load(number: number, inFlight: number): LoadDigest["loads"][number] {
  return { id: idOf(number), inFlight, pendingPrefillTokens: inFlight * 10, promptTokens: inFlight * 20 };
}

function totalsAfter(digests: readonly LoadDigest[]): unknown {
  const peers = new Peers();
  for (const [now, digest] of digests.entries()) peers.receive(digest, now);
  return Array.from({ length: SIZE }, (_, number) => ({ ...peers.totals(idOf(number)) }));
}

test("digests in any order, some of them twice, end in the state of the right order", () => {
  const shuffled = history.chain((digests) =>
    fc.record({
      digests: fc.constant(digests),
      received: fc.shuffledSubarray([...digests, ...digests], { minLength: digests.length }),
    }),
  );
  fc.assert(
    fc.property(shuffled, ({ digests, received }) => {
      const missing = digests.filter((digest) => !received.includes(digest));
      expect(totalsAfter([...received, ...missing])).toEqual(totalsAfter(digests));
    }),
    { numRuns: 300, seed: 5 },
  );
});

test("what lost digests said is made good by the next full one", () => {
  const endsFull = history.map((digests) => digests.slice(0, digests.length - ((digests.length - 1) % 3)));
  const lossy = endsFull.chain((digests) =>
    fc.record({ digests: fc.constant(digests), received: fc.subarray(digests.slice(0, -1)) }),
  );
  fc.assert(
    fc.property(lossy, ({ digests, received }) => {
      expect(totalsAfter([...received, ...digests.slice(-1)])).toEqual(totalsAfter(digests));
    }),
    { numRuns: 300, seed: 6 },
  );
});

test("a dispatcher that ended takes its load with it, and so does one that fell silent", () => {
  const peers = new Peers();
  peers.receive({ dispatcher: "one", sequence: 1, full: true, loads: [load(0, 3)] }, 40);
  peers.receive({ dispatcher: "two", sequence: 1, full: true, loads: [load(0, 4), load(1, 1)] }, 50);
  peers.withdraw("one");
  expect(peers.totals(idOf(0)).requests).toBe(4);
  expect(peers.meanAgeMs(100)).toBe(50);
  peers.withdrawSilent(10_050);
  expect(peers.totals(idOf(0)).requests).toBe(4);
  peers.withdrawSilent(10_051);
  expect(peers.totals(idOf(0)).requests).toBe(0);
  expect(peers.meanAgeMs(20_000)).toBe(0);
});

test("the age of the others' figures is the mean over them of the newest, and late ones do not renew it", () => {
  const peers = new Peers();
  peers.receive({ dispatcher: "one", sequence: 1, full: true, loads: [] }, 0);
  peers.receive({ dispatcher: "two", sequence: 7, full: false, loads: [] }, 100);
  expect(peers.meanAgeMs(200)).toBe(150);
  peers.receive({ dispatcher: "two", sequence: 6, full: false, loads: [] }, 200);
  expect(peers.meanAgeMs(200)).toBe(150);
  peers.receive({ dispatcher: "one", sequence: 2, full: false, loads: [] }, 200);
  expect(peers.meanAgeMs(200)).toBe(50);
});

test("a digest tells only what changed, and nothing when nothing did; a full one tells all", () => {
  const scheduler = schedulerOf();
  scheduler.update(fleet(1), 0);
  expect(scheduler.takeDigest(0, false)).toBeNull();
  const assignment = assigned(scheduler, 0, { promptTokens: 64 });
  const told = { id: idOf(0), inFlight: 1, pendingPrefillTokens: 64, promptTokens: 64 };
  expect(scheduler.takeDigest(1, false)?.loads).toEqual([told]);
  expect(scheduler.takeDigest(2, false)).toBeNull();
  expect(scheduler.takeDigest(3, true)).toMatchObject({ full: true, loads: [told] });
  assignment.firstToken(4);
  expect(scheduler.takeDigest(5, false)?.loads).toEqual([{ ...told, pendingPrefillTokens: 0 }]);
  assignment.settle({ kind: "abandoned" }, 6);
  expect(scheduler.takeDigest(7, false)?.loads).toEqual([
    { id: idOf(0), inFlight: 0, pendingPrefillTokens: 0, promptTokens: 0 },
  ]);
  expect(scheduler.takeDigest(8, true)?.loads).toEqual([]);
});

test("digests are due every 50 ms, and every 10 ms where instances are few for the dispatchers", () => {
  const scheduler = schedulerOf();
  scheduler.update(fleet(32), 0);
  scheduler.setDispatchers(0, 8);
  expect(scheduler.digestPeriodMs).toBe(50);
  scheduler.setDispatchers(0, 9);
  expect(scheduler.digestPeriodMs).toBe(10);
});

test("another dispatcher's requests weigh like own ones, and its own digest is ignored", () => {
  const one = schedulerOf({}, 1);
  const two = schedulerOf({}, 2);
  for (const scheduler of [one, two]) scheduler.update(fleet(1), 0);
  assigned(one, 0, { promptTokens: 512 });
  const digest = one.takeDigest(0, false);
  if (digest === null) throw new Error("no digest");
  two.receive(digest, 0);
  one.receive(digest, 0);
  expect(loadOf(two, 0, 0)).toBe(2);
  expect(loadOf(one, 0, 0)).toBe(2);
});
