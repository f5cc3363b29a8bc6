/** Cache-aware policies, the index of prefixes that they read, and the hashes that the index is keyed by. */
import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import type { LoadDigest } from "../../src/fleet/digest.ts";
import type { InstanceId } from "../../src/fleet/instance.ts";
import type { Assignment } from "../../src/scheduler/assignment.ts";
import type { SchedulerOptions } from "../../src/scheduler/options.ts";
import { codePoints, prefixHashes } from "../../src/scheduler/prefix-hashes.ts";
import { PrefixIndex } from "../../src/scheduler/prefix-index.ts";
import type { Scheduler } from "../../src/scheduler/scheduler.ts";
import { assigned, byPolicy, COMPLETED, fleet, idOf, member, schedulerOf } from "./support.ts";

const SMALL = "abcdefghijklmnop";
const CAPITAL = "ABCDEFGHIJKLMNOP";
const FOREVER = { maxBlocks: 1000, evictAfterMs: Infinity };

function hashesOf(text: string): number[] {
  return prefixHashes(codePoints(text), 4, 1);
}

describe("prefix hashes", () => {
  test("there is one for each full block, and it stands for the whole prompt up to there", () => {
    expect(hashesOf("abc")).toEqual([]);
    expect(hashesOf("abcdefg")).toHaveLength(1);
    const [first, second] = [hashesOf(SMALL), hashesOf("abcdefghXXXXYYYY")];
    expect(first.slice(0, 2)).toEqual(second.slice(0, 2));
    expect(new Set([...first, ...second]).size).toBe(6);
    expect(hashesOf("XXXXefgh")[1]).not.toBe(hashesOf("abcdefgh")[1]);
  });

  test("two prompts share exactly the hashes of the blocks that they begin with", () => {
    const text = fc.string({ unit: fc.constantFrom("a", "b", "é", "😀"), maxLength: 24 });
    fc.assert(
      fc.property(text, text, (one, two) => {
        const [a, b] = [hashesOf(one), hashesOf(two)];
        const [left, right] = [Array.from(one), Array.from(two)];
        for (let i = 0; i < Math.min(a.length, b.length); i++) {
          const end = (i + 1) * 4;
          expect(a[i] === b[i]).toBe(left.slice(0, end).join() === right.slice(0, end).join());
        }
        expect(a).toHaveLength(Math.floor(left.length / 4));
      }),
      { numRuns: 500, seed: 3 },
    );
  });

  test("another seed gives other hashes, and all are exact integers", () => {
    expect(prefixHashes(codePoints(SMALL), 4, 2)).not.toEqual(hashesOf(SMALL));
    for (const hash of hashesOf("x".repeat(4000))) expect(Number.isSafeInteger(hash)).toBe(true);
  });

  test("no two of 200,000 random blocks collide", () => {
    const seen = new Set<number>();
    for (let i = 0; i < 200_000; i++) for (const hash of prefixHashes([i, i >> 3, 7, 7], 4, 1)) seen.add(hash);
    expect(seen.size).toBe(200_000);
  });
});

describe("prefix index", () => {
  test("tells every holder its own longest prefix", () => {
    const index = new PrefixIndex(FOREVER);
    index.record(idOf(1), hashesOf(SMALL), 0);
    index.record(idOf(2), hashesOf("abcdefghXXXXYYYY"), 0);
    const expected = new Map([
      [idOf(1), 4],
      [idOf(2), 2],
    ]);
    expect(index.match(hashesOf(`${SMALL}qrst`))).toEqual(expected);
    expect(index.match(hashesOf(CAPITAL)).size).toBe(0);
    expect(index.match([]).size).toBe(0);
  });

  test("agrees with a plain search over all that was recorded", () => {
    const text = fc.string({ unit: fc.constantFrom("a", "b"), minLength: 4, maxLength: 24 });
    const sent = fc.array(fc.tuple(fc.nat({ max: 3 }), text), { maxLength: 12 });
    fc.assert(
      fc.property(sent, text, (records, asked) => {
        const index = new PrefixIndex(FOREVER);
        const expected = new Map<InstanceId, number>();
        const wanted = hashesOf(asked);
        for (const [number, prompt] of records) {
          const hashes = hashesOf(prompt);
          index.record(idOf(number), hashes, 0);
          const depth = wanted.filter((hash) => hashes.includes(hash)).length;
          if (depth > 0) expected.set(idOf(number), Math.max(depth, expected.get(idOf(number)) ?? 0));
        }
        expect(index.match(wanted)).toEqual(expected);
      }),
      { numRuns: 300, seed: 4 },
    );
  });

  test("forgets what did not come again in time, and keeps what did", () => {
    const index = new PrefixIndex({ maxBlocks: 1000, evictAfterMs: 1000 });
    index.record(idOf(1), hashesOf(SMALL), 0);
    index.record(idOf(1), hashesOf(CAPITAL), 0);
    index.record(idOf(1), hashesOf(SMALL), 600);
    index.record(idOf(2), hashesOf("other"), 1100);
    expect(index.match(hashesOf(SMALL)).get(idOf(1))).toBe(4);
    expect(index.match(hashesOf(CAPITAL)).size).toBe(0);
  });

  test("never holds more blocks than its limit, and drops the ends of prompts before their beginnings", () => {
    const index = new PrefixIndex({ maxBlocks: 6, evictAfterMs: Infinity });
    index.record(idOf(1), hashesOf(SMALL), 0);
    index.record(idOf(1), hashesOf(CAPITAL), 1);
    expect(index.size).toBe(6);
    expect(index.match(hashesOf(SMALL)).get(idOf(1))).toBe(2);
    expect(index.match(hashesOf(CAPITAL)).get(idOf(1))).toBe(4);
  });

  test("an instance that lost its cache holds nothing until it is sent something again", () => {
    const index = new PrefixIndex(FOREVER);
    index.record(idOf(1), hashesOf(SMALL), 0);
    index.forget(idOf(1));
    expect(index.match(hashesOf(SMALL)).size).toBe(0);
    index.record(idOf(1), hashesOf("abcd"), 0);
    expect(index.match(hashesOf(SMALL)).get(idOf(1))).toBe(1);
  });

  test("tells the others only what is new, and nothing while there are none", () => {
    const index = new PrefixIndex(FOREVER);
    index.record(idOf(1), hashesOf("wxyz"), 0);
    expect(index.takeUntold()).toEqual([]);
    index.isShared = true;
    index.record(idOf(1), hashesOf(SMALL), 0);
    index.record(idOf(1), hashesOf(SMALL), 0);
    index.record(idOf(1), hashesOf(`${SMALL}qrst`), 0);
    expect(index.takeUntold()).toEqual([
      { id: idOf(1), hashes: hashesOf(SMALL) },
      { id: idOf(1), hashes: hashesOf(`${SMALL}qrst`).slice(4) },
    ]);
    expect(index.takeUntold()).toEqual([]);
  });
});

describe("cache_aware", () => {
  test("returns to where the prefix is, while loads are equal", () => {
    const scheduler = over(3);
    const open = [SMALL, CAPITAL, "zzzzyyyyxxxxwwww"].map((prompt) => send(scheduler, prompt));
    expect(open.map(({ instance }) => instance.id)).toEqual([idOf(0), idOf(1), idOf(2)]);
    for (const [prompt, number] of [
      ["zzzzyyyyxxxxwwww", 2],
      [CAPITAL, 1],
      [SMALL, 0],
    ] as const)
      run(scheduler, prompt, number);
  });

  test("weighs a hit against load", () => {
    const even = over(3, { "balance-abs-threshold": 100 });
    expect(Array.from({ length: 5 }, () => numberOf(send(even, SMALL)))).toEqual([0, 1, 2, 0, 1]);
    const hits = over(3, { "load-balance-weight": 0.05 });
    expect(Array.from({ length: 5 }, () => numberOf(send(hits, SMALL)))).toEqual([0, 0, 1, 2, 0]);
  });

  test("goes by tokens without hashes, and by load with a prompt shorter than one block", () => {
    const scheduler = over(3);
    expect([0, 1, 2].map(() => numberOf(assigned(scheduler, 0)))).toEqual([0, 1, 2]);
    expect([0, 1, 2].map(() => numberOf(send(scheduler, "abc")))).toEqual([0, 1, 2]);
  });

  test("knows what the other dispatchers sent", () => {
    const one = over(3);
    one.setDispatchers(0, 2);
    const held = assigned(one, 0);
    run(one, SMALL, 1);
    held.settle(COMPLETED, 0);
    const digest = one.takeDigest(0, false);
    if (digest === null) throw new Error("no digest");
    run(schedulerKnowing(null), SMALL, 0);
    run(schedulerKnowing(digest), SMALL, 1);
  });

  test("expects nothing in the cache of a process that restarted", () => {
    const scheduler = over(2);
    run(scheduler, "first", 0);
    const held = assigned(scheduler, 0);
    run(scheduler, SMALL, 1);
    held.settle(COMPLETED, 0);
    run(scheduler, SMALL, 1);
    scheduler.update({ version: 2, members: [member(0), member(1, { epoch: 2 })] }, 0);
    run(scheduler, SMALL, 0);
  });

  test("does not overload one instance with a prompt that everybody sends (V07)", () => {
    const scheduler = over(8);
    const open: Assignment[] = [];
    const counts = Array.from({ length: 8 }, () => 0);
    for (let i = 0; i < 1000; i++) {
      const assignment = send(scheduler, SMALL);
      counts[numberOf(assignment)] = (counts[numberOf(assignment)] ?? 0) + 1;
      open.push(assignment);
      if (open.length > 80) open.shift()?.settle(COMPLETED, 0);
    }
    expect(Math.max(...counts)).toBeLessThan((1.5 * 1000) / 8);
  });

  test("only what the role's policy reads of a prompt is asked for, and of a decode instance's no tokens", () => {
    const roles = ["mixed", "prefill", "decode"] as const;
    const mixture = schedulerOf({ policy: "p2c", "prefill-policy": "cache_aware", "decode-policy": "request_num" });
    expect(roles.map((role) => mixture.promptUse(role))).toEqual(["nothing", "prefixes", "nothing"]);
    const tokens = schedulerOf(byPolicy("process_tokens"));
    expect(roles.map((role) => tokens.promptUse(role))).toEqual(["tokens", "tokens", "nothing"]);
  });
});

test("remote_cache_aware goes by the engines' own running counts", () => {
  const scheduler = schedulerOf(byPolicy("remote_cache_aware"));
  const running = [1, 0, 1].map((count) => ({ running: count, waiting: 0, kvUsage: 0, ageMs: 0 }));
  scheduler.update({ version: 1, members: running.map((report, number) => member(number, { report })) }, 0);
  run(scheduler, SMALL, 1);
  run(scheduler, SMALL, 1);
});

function over(size: number, options: Partial<SchedulerOptions> = {}, seed = 1): Scheduler {
  const scheduler = schedulerOf({ ...byPolicy("cache_aware"), ...options }, seed);
  scheduler.update(fleet(size), 0);
  return scheduler;
}

function schedulerKnowing(digest: LoadDigest | null): Scheduler {
  const scheduler = over(3, {}, 2);
  if (digest !== null) scheduler.receive(digest, 0);
  return scheduler;
}

function send(scheduler: Scheduler, prompt: string): Assignment {
  return assigned(scheduler, 0, { promptTokens: prompt.length, prefixHashes: hashesOf(prompt) });
}

/** Sends and ends a request that is expected to go to the instance. */
function run(scheduler: Scheduler, prompt: string, expected: number): void {
  const assignment = send(scheduler, prompt);
  assignment.settle(COMPLETED, 0);
  expect(assignment.instance.id).toBe(idOf(expected));
}

function numberOf(assignment: Assignment): number {
  return assignment.instance.port - 10_000;
}
