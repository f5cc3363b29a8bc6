import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { stepMs } from "../../src/mock-engine/timing.ts";
import { keys, LIMITS, Simulation, TIMING, ttftMs, type Tracked } from "./support.ts";

describe("engine", () => {
  test("a lone request takes its prefill step and one step a token", () => {
    const simulation = new Simulation();
    const record = simulation.submit(100, 3);
    simulation.run();
    const prefill = stepMs(TIMING, { decoding: 0, decodingContextTokens: 0, prefillTokens: 100 });
    const second = stepMs(TIMING, { decoding: 1, decodingContextTokens: 101, prefillTokens: 0 });
    const third = stepMs(TIMING, { decoding: 1, decodingContextTokens: 102, prefillTokens: 0 });
    expect(record.tokenTimesMs).toEqual([prefill, prefill + second, prefill + second + third]);
  });

  test("a prompt longer than the token budget is prefilled in chunks", () => {
    const simulation = new Simulation({ maxNumBatchedTokens: 1000 });
    const record = simulation.submit(2500, 1);
    simulation.run();
    expect(simulation.engine.steps).toBe(3);
    expect(record.tokenTimesMs).toHaveLength(1);
  });

  test("a long prompt slows its decoding neighbour", () => {
    const simulation = new Simulation({ maxNumBatchedTokens: 4096 });
    const neighbour = simulation.submit(10, 20);
    for (let i = 0; i < 5; i++) simulation.step();
    simulation.submit(4000, 1);
    simulation.run();
    const gaps = neighbour.tokenTimesMs.slice(1).map((time, i) => time - (neighbour.tokenTimesMs[i] ?? 0));
    expect(Math.max(...gaps)).toBeGreaterThan(10 * Math.min(...gaps));
  });

  test("time to first token grows with the place in the queue once the slots are full", () => {
    const simulation = new Simulation();
    const records = Array.from({ length: 16 }, () => simulation.submit(64, 50));
    simulation.run();
    const waves = [0, 4, 8, 12].map((i) => ttftMs(records[i] ?? simulation.submit(1, 1)));
    expect(waves).toEqual(waves.toSorted((a, b) => a - b));
    expect(waves[1]).toBeGreaterThan(50 * TIMING.baseMs);
  });

  test("beyond the slots, the wait follows the remaining output of those that run, not their number", () => {
    expect(waitBehind(200)).toBeGreaterThan(8 * waitBehind(20));
  });

  test("a prefix that is cached is not computed again", () => {
    const simulation = new Simulation({ maxNumBatchedTokens: 8192 });
    const first = simulation.submit(6410, 1, keys(1, 100));
    simulation.run();
    const second = simulation.submit(6410, 1, keys(1, 100));
    const other = keys(2, 100);
    simulation.run();
    expect(first.sequence.cachedTokens).toBe(0);
    expect(second.sequence.cachedTokens).toBe(6400);
    expect(ttftMs(second)).toBeLessThan(ttftMs(first) / 10);
    const third = simulation.submit(6410, 1, [...keys(1, 50), ...other.slice(50)]);
    simulation.run();
    expect(third.sequence.cachedTokens).toBe(50 * 64);
  });

  test("the last token of a prompt is computed even when all its blocks are cached", () => {
    const simulation = new Simulation();
    simulation.submit(128, 1, keys(1, 2));
    simulation.run();
    const again = simulation.submit(128, 1, keys(1, 2));
    simulation.run();
    expect(again.sequence.cachedTokens).toBe(64);
    expect(again.tokenTimesMs).toHaveLength(1);
  });

  test("an overfull cache pre-empts the youngest, which still ends with all its tokens", () => {
    const simulation = new Simulation({ blocks: 20, prefixCaching: false });
    const records = [0, 1].map(() => simulation.submit(500, 400));
    simulation.run();
    expect(simulation.engine.preemptions).toBeGreaterThan(0);
    expect(records[0]?.sequence.preemptions).toBe(0);
    expect(records.map((record) => record.tokenTimesMs.length)).toEqual([400, 400]);
  });

  test("an abort in the middle of a step takes effect at its end", () => {
    const simulation = new Simulation();
    const record = simulation.submit(64, 100);
    simulation.step();
    simulation.engine.begin(simulation.nowMs);
    simulation.engine.abort(record.sequence, simulation.nowMs);
    expect(simulation.engine.running).toBe(1);
    simulation.engine.commit(simulation.nowMs);
    expect(simulation.engine.running).toBe(0);
    expect(simulation.engine.pool.available).toBe(LIMITS.blocks);
    expect(record.tokenTimesMs).toHaveLength(1);
  });

  test("a slow factor lengthens every step", () => {
    const fast = new Simulation();
    const slow = new Simulation();
    slow.engine.slowFactor = 5;
    for (const simulation of [fast, slow]) {
      simulation.submit(100, 10);
      simulation.run();
    }
    expect(slow.nowMs).toBeCloseTo(5 * fast.nowMs, 6);
  });

  test("a held sequence keeps slot and blocks, computes nothing, and begins with its first token", () => {
    const simulation = new Simulation({ maxNumSeqs: 1 });
    const times: number[] = [];
    const sink = { token: (_: unknown, nowMs: number) => void times.push(nowMs), finished: () => {} };
    const request = { promptTokens: 640, outputTokens: 3, blockKeys: [], arrivalMs: 0, sink };
    const held = simulation.engine.hold(request);
    expect(held).not.toBeNull();
    expect(simulation.step()).toBe(false);
    expect(simulation.engine.running).toBe(1);
    expect(simulation.engine.hold(request)).toBeNull();
    if (held !== null) simulation.engine.release(held, 70);
    simulation.nowMs = 70;
    simulation.run();
    expect(times[0]).toBe(70);
    expect(times).toHaveLength(3);
    expect(simulation.engine.pool.available).toBe(LIMITS.blocks);
  });
});

function waitBehind(outputTokens: number): number {
  const simulation = new Simulation();
  for (let i = 0; i < 4; i++) simulation.submit(10, outputTokens);
  simulation.step();
  const last = simulation.submit(10, 1);
  simulation.run();
  return ttftMs(last);
}

type Event =
  | { readonly kind: "submit"; readonly prompt: number; readonly output: number; readonly family: number }
  | { readonly kind: "abort"; readonly pick: number }
  | { readonly kind: "step" };

const events: fc.Arbitrary<Event[]> = fc.array(
  fc.oneof(
    fc.record({
      kind: fc.constant("submit" as const),
      prompt: fc.integer({ min: 1, max: 1000 }),
      output: fc.integer({ min: 1, max: 100 }),
      family: fc.integer({ min: 0, max: 3 }),
    }),
    fc.record({ kind: fc.constant("abort" as const), pick: fc.nat() }),
    fc.constant({ kind: "step" as const }),
  ),
  { maxLength: 120 },
);

test("slots are never exceeded, blocks are conserved, and whoever is not aborted gets exactly its tokens", () => {
  fc.assert(
    fc.property(events, fc.boolean(), (script, prefixCaching) => {
      const simulation = new Simulation({ blocks: 30, maxNumBatchedTokens: 256, prefixCaching });
      const { engine } = simulation;
      const records: Tracked[] = [];
      for (const event of script) {
        if (event.kind === "submit") {
          records.push(
            simulation.submit(event.prompt, event.output, keys(event.family, Math.floor(event.prompt / 64))),
          );
        } else if (event.kind === "step") simulation.step();
        else {
          const record = records[event.pick % Math.max(1, records.length)];
          if (record !== undefined) engine.abort(record.sequence, simulation.nowMs);
        }
        expect(engine.slotsTaken).toBeLessThanOrEqual(LIMITS.maxNumSeqs);
        expect(engine.pool.available).toBeGreaterThanOrEqual(0);
        expect(engine.pool.available).toBeLessThanOrEqual(30);
      }
      simulation.run(100_000);
      expect(engine.slotsTaken + engine.queued).toBe(0);
      expect(engine.pool.available).toBe(30);
      for (const { sequence, tokenTimesMs, finishedMs } of records) {
        expect(finishedMs).not.toBeNull();
        if (!sequence.aborted) expect(tokenTimesMs).toHaveLength(sequence.request.outputTokens);
      }
    }),
    { seed: 7, numRuns: 150 },
  );
});
