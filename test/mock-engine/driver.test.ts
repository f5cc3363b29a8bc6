import { expect, test } from "bun:test";
import { EngineDriver } from "../../src/mock-engine/driver.ts";
import { Engine } from "../../src/mock-engine/engine.ts";
import { LIMITS, Simulation, TIMING } from "./support.ts";

/** A clock whose timers fire late, at the next whole `resolutionMs`. */
class CoarseClock {
  nowMs = 0;
  readonly #resolutionMs: number;
  readonly #timers: { readonly atMs: number; readonly callback: () => void }[] = [];

  constructor(resolutionMs: number) {
    this.#resolutionMs = resolutionMs;
  }

  readonly now = (): number => this.nowMs;
  readonly wake = (callback: () => void, delayMs: number): void => {
    const atMs = (Math.floor((this.nowMs + delayMs) / this.#resolutionMs) + 1) * this.#resolutionMs;
    this.#timers.push({ atMs, callback });
  };

  get pending(): number {
    return this.#timers.length;
  }

  runAll(): void {
    for (let timer = this.#take(); timer !== undefined; timer = this.#take()) {
      this.nowMs = Math.max(this.nowMs, timer.atMs);
      timer.callback();
    }
  }

  #take(): { readonly atMs: number; readonly callback: () => void } | undefined {
    this.#timers.sort((a, b) => a.atMs - b.atMs);
    return this.#timers.shift();
  }
}

test("steps shorter than the timer's resolution add no drift", () => {
  const clock = new CoarseClock(10);
  const driver = new EngineDriver(new Engine(LIMITS, TIMING), 100, clock);
  const times: number[] = [];
  const sink = { token: (_: unknown, nowMs: number) => void times.push(nowMs), finished: () => {} };
  driver.submit({ promptTokens: 64, outputTokens: 500, blockKeys: [], sink }, 0);
  clock.runAll();
  const simulation = new Simulation();
  const expected = simulation.submit(64, 500);
  simulation.run();
  expect(times).toEqual(expected.tokenTimesMs);
  expect(clock.nowMs).toBeLessThan(simulation.nowMs / 100 + 20);
});

test("a request reaches the queue after its delay, and no timer is left when all is done", () => {
  const clock = new CoarseClock(1);
  const driver = new EngineDriver(new Engine(LIMITS, TIMING), 1, clock);
  const times: number[] = [];
  const sink = { token: (_: unknown, nowMs: number) => void times.push(nowMs), finished: () => {} };
  driver.submit({ promptTokens: 4, outputTokens: 1, blockKeys: [], sink }, 7);
  clock.runAll();
  expect(times[0]).toBeCloseTo(7 + TIMING.baseMs + 4 * TIMING.msPerPrefillToken, 6);
  expect(clock.pending).toBe(0);
});
