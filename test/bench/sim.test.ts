import { describe, expect, test } from "bun:test";
import { EventQueue } from "../../bench/sim/event-queue.ts";
import { type EngineShape, type FirstToken, SimulatedEngine } from "../../bench/sim/engine.ts";
import { matrixCharts, matrixText, type Row, settingsOf } from "../../bench/sim/matrix.ts";
import { PrefixCache } from "../../bench/sim/prefix-cache.ts";
import { type SimulationSpec, simulate } from "../../bench/sim/simulate.ts";
import { drawConversations, drawTrace, type TraceRow } from "../../bench/sim/trace.ts";
import { createRandom } from "../../src/lib/random.ts";
import { schedulerOptions } from "../../src/scheduler/options.ts";
import type { PolicyName } from "../../src/scheduler/policies/index.ts";

describe("a prefix cache", () => {
  test("knows the leading blocks of what it kept, and nothing behind a gap", () => {
    const cache = new PrefixCache(10);
    cache.keep([1, 2, 3]);
    expect([[1, 2, 3, 4], [1, 9, 3], [9], []].map((blocks) => cache.match(blocks))).toEqual([3, 1, 0, 0]);
  });

  test("lets the block go that was used longest ago, the end of a prompt before its beginning", () => {
    const cache = new PrefixCache(4);
    cache.keep([1, 2]);
    cache.keep([3, 4]);
    cache.keep([1]);
    cache.keep([5]);
    expect([[1, 2], [3, 4], [5]].map((blocks) => cache.match(blocks))).toEqual([1, 2, 1]);
  });
});

describe("an engine", () => {
  const SHAPE: EngineShape = { slots: 4, prefillTokensPerMs: 1, decodeMsPerToken: 1 };

  /** First tokens of one request after the other, all submitted at 0. */
  function firstTokens(shape: EngineShape, jobs: readonly Omit<TraceRow, "atMs">[]): (FirstToken & { at: number })[] {
    const events = new EventQueue();
    const engine = new SimulatedEngine(events, shape);
    const seen: (FirstToken & { at: number })[] = [];
    for (const job of jobs) {
      engine.submit({ ...job, onFirstToken: (at, first) => seen.push({ at, ...first }), onEnd: () => {} }, 0);
    }
    events.runUntil(Infinity);
    expect(engine.pendingTokens).toBe(0);
    expect(engine.requests).toBe(0);
    return seen;
  }

  const SAME = { promptTokens: 1100, outputTokens: 1, blocks: [7, 8] };

  test("with a cache computes what is not in it, and says what was", () => {
    const [first, second] = firstTokens({ ...SHAPE, cacheBlocks: 10 }, [SAME, SAME]);
    expect(first).toEqual({ at: 1100, queuedMs: 0, cachedTokens: 0 });
    expect(second).toEqual({ at: 1100 + 76, queuedMs: 1100, cachedTokens: 1024 });
  });

  test("without one computes all of it", () => {
    expect(firstTokens(SHAPE, [SAME, SAME]).map(({ at, cachedTokens }) => [at, cachedTokens])).toEqual([
      [1100, 0],
      [2200, 0],
    ]);
  });

  test("always computes the last token", () => {
    const whole = { promptTokens: 1024, outputTokens: 1, blocks: [7, 8] };
    expect(firstTokens({ ...SHAPE, cacheBlocks: 10 }, [whole, whole])[1]?.cachedTokens).toBe(1023);
  });
});

describe("a simulation", () => {
  const SPEC: Omit<SimulationSpec, "chooser"> = {
    instances: 16,
    dispatchers: 4,
    skew: 0,
    digestAgeMs: 100,
    engine: { slots: 64, prefillTokensPerMs: 20, decodeMsPerToken: 30, cacheBlocks: 1000 },
    trace: drawConversations(3000, createRandom(1)),
    requestsPerMs: 0.016,
    requests: 3000,
    arrivals: "trace",
    seed: 1,
  };
  const by = (policy: PolicyName): SimulationSpec => ({ ...SPEC, chooser: schedulerOptions.parse({ policy }) });

  test("finds thrice as many tokens in caches by prefix_affinity as at random, and queues for less than a sixth of the time", () => {
    const random = simulate(by("random"));
    const affine = simulate(by("prefix_affinity"));
    expect(affine.hitRate).toBeGreaterThan(3 * random.hitRate);
    const p99 = (sorted: Float64Array): number => sorted[Math.floor(sorted.length * 0.99)] ?? Number.NaN;
    expect(p99(affine.queuedMs)).toBeLessThan(p99(random.queuedMs) / 6);
  });

  test("takes arrivals as given, with the rows in their order", () => {
    const trace = drawTrace(50, createRandom(1));
    const arrivals = Array.from({ length: 50 }, (_, i) => i * i);
    const { served } = simulate({ ...by("p2c"), trace, arrivals, requests: 50 });
    const sorted = served.toSorted((a, b) => a.arrivedAtMs - b.arrivedAtMs);
    expect(sorted.map(({ arrivedAtMs }) => arrivedAtMs)).toEqual(arrivals);
    for (const [i, { queuedMs, ttftMs }] of sorted.entries())
      expect(ttftMs - queuedMs).toBeCloseTo((trace[i]?.promptTokens ?? 0) / 20, 6);
  });

  test("ends where dispatchers hear of each other at once", () => {
    const { served } = simulate({ ...by("p2c"), digestAgeMs: 0, requests: 200 });
    expect(served).toHaveLength(200);
  });
});

describe("the report on many simulations", () => {
  const settings = settingsOf([8, 64], [1, 2], [0, 100, 1000]);
  const rows: Row[] = settings.map((setting, i) => ({
    setting,
    policy: "p2c",
    queueP50Ms: 0,
    queueP99Ms: 1000 + i,
    ttftP50Ms: 0,
    ttftP99Ms: 0,
    imbalance: 1,
    hitRate: 0,
  }));

  test("asks a single dispatcher once, since it has nobody to hear of", () => {
    expect(settings).toHaveLength(2 * (1 + 3));
  });

  test("has every figure in a table, and a chart for each fleet at the age nearest 100 ms", () => {
    const text = matrixText(rows, "T");
    for (const { queueP99Ms } of rows) expect(text).toContain(` ${queueP99Ms} `);
    const charts = matrixCharts(rows, "T");
    expect([...charts.keys()]).toEqual(["queueing-8.svg", "queueing-64.svg"]);
    expect(charts.get("queueing-8.svg")).toContain("2, 100 ms");
    expect(charts.get("queueing-8.svg")).not.toContain("2, 1000 ms");
  });
});
