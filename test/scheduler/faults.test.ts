/** How a fleet under load behaves when one instance misbehaves or joins: the scheduler on simulated engines. */
import { expect, test } from "bun:test";
import type { Fault, SimulationResult, SimulationSpec } from "../../bench/sim/simulate.ts";
import { simulate } from "../../bench/sim/simulate.ts";
import { drawTrace } from "../../bench/sim/trace.ts";
import { createRandom } from "../../src/lib/random.ts";
import { schedulerOptions } from "../../src/scheduler/options.ts";
import type { PolicyName } from "../../src/scheduler/policies/index.ts";
import { byPolicy } from "./support.ts";

/** 8 instances that could do some 80 requests/s get 56. */
function run(fault: Fault | null, over: Partial<SimulationSpec> = {}): SimulationResult {
  return simulate({
    instances: 8,
    dispatchers: 4,
    skew: 0.3,
    digestAgeMs: 75,
    engine: { slots: 64, prefillTokensPerMs: 20, decodeMsPerToken: 30 },
    trace: drawTrace(2000, createRandom(1)),
    requestsPerMs: 0.056,
    requests: 6000,
    arrivals: "poisson",
    chooser: schedulerOptions.parse({}),
    seed: 1,
    ...(fault === null ? {} : { fault }),
    ...over,
  });
}

function share(result: SimulationResult, instance: number, fromMs: number, toMs = Infinity): number {
  const choices = result.choices.filter(({ atMs }) => atMs >= fromMs && atMs < toMs);
  return choices.filter((choice) => choice.instance === instance).length / choices.length;
}

test("an instance that becomes ten times slower has less than a fifth of its share after 30 seconds (U26)", () => {
  const result = run({ kind: "slow by 10", instance: 3, atMs: 20_000 });
  expect(share(result, 3, 50_000)).toBeLessThan(0.2 / 8);
});

test("an instance that fails at once loses less than 1 % of the requests (V03)", () => {
  const result = run({ kind: "fails at once", instance: 3, atMs: 0 });
  expect(result.failed).toBeGreaterThan(0);
  expect(result.failed / 6000).toBeLessThan(0.01);
});

test("without the penalty an instance that fails at once swallows more than its share", () => {
  const chooser = schedulerOptions.parse({ "failure-penalty": 0 });
  expect(run({ kind: "fails at once", instance: 3, atMs: 0 }, { chooser }).failed / 6000).toBeGreaterThan(1 / 8);
});

test("a new instance in a busy fleet is not flooded, never has more than 4 waiting, and gets its share in the end (V02)", () => {
  const joins = { kind: "joins", instance: 3, atMs: 30_000 } as const;
  const engine = { slots: 16, prefillTokensPerMs: 20, decodeMsPerToken: 8 };
  const result = run(joins, { engine });
  expect(result.faultyWaitingMost).toBeLessThanOrEqual(4);
  expect(share(result, 3, 30_000, 31_000)).toBeLessThan(1.5 / 8);
  expect(share(result, 3, 60_000)).toBeGreaterThan(0.8 / 8);
  const cold = run(joins, { engine, chooser: schedulerOptions.parse({ "warm-up-secs": 0 }) });
  expect(share(cold, 3, 30_000, 31_000)).toBeGreaterThan(2 / 8);
});

test("p2c waits far less than random and round_robin, and less than power_of_two, at the 99th percentile", () => {
  const p2c = queuedP99("p2c");
  expect(queuedP99("random")).toBeGreaterThan(5 * p2c);
  expect(queuedP99("round_robin")).toBeGreaterThan(3 * p2c);
  expect(queuedP99("power_of_two")).toBeGreaterThan(1.5 * p2c);
});

function queuedP99(policy: PolicyName): number {
  const { queuedMs } = run(null, {
    instances: 32,
    dispatchers: 8,
    digestAgeMs: 100,
    requestsPerMs: 0.29,
    requests: 8000,
    chooser: schedulerOptions.parse(byPolicy(policy)),
  });
  return queuedMs[Math.floor(queuedMs.length * 0.99)] ?? Number.NaN;
}
