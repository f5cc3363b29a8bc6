/** What all suites with load share: one run against one arm, and rounds in which the arms take turns. */
import type { RunningArm } from "../arms/arm.ts";
import { keepAwake } from "../arms/pinned-process.ts";
import type { LoadResult, LoadSpec } from "../load/load-spec.ts";
import { usageOf } from "../load/process-usage.ts";
import type { Bench, Metric, Values } from "./suite.ts";

export interface Measured {
  readonly result: LoadResult;
  /** CPU time of the arm over the measured time, in microseconds per second. */
  readonly cpuPerSecond: number;
  readonly rssMb: number;
  /** Connections that the engine accepted meanwhile, warm-up included. */
  readonly opened: number;
}

export type LoadShape = Omit<LoadSpec, "host" | "port" | "warmUpMs" | "durationMs">;

export const CHAT = { path: "/v1/chat/completions", rampPerMs: 1000, spins: false } as const;

export async function measureLoad(bench: Bench, arm: RunningArm, shape: LoadShape): Promise<Measured> {
  const { load, warmUpMs, runMs } = bench;
  const cpuNow = (): number => (arm.child === null ? Number.NaN : usageOf(arm.child.pid).cpuNs);
  const openedBefore = await load.opened();
  let cpu = 0;
  let at = 0;
  let seconds = 0;
  const spec: LoadSpec = { ...shape, host: "127.0.0.1", port: arm.port, warmUpMs, durationMs: runMs };
  const run = (): Promise<LoadResult> =>
    load.run(spec, {
      begin: () => {
        cpu = cpuNow();
        at = performance.now();
      },
      end: () => {
        cpu = cpuNow() - cpu;
        seconds = (performance.now() - at) / 1000;
      },
    });
  // Where times matter nobody sleeps.
  const result = shape.spins ? await keepAwake(bench.setting.cores, run) : await run();
  // A mere number cannot be looked into afterwards.
  if (result.failures > 0) console.error(`\n${arm.name}: ${JSON.stringify(result.failureKinds)}`);
  return {
    result,
    cpuPerSecond: cpu / 1000 / seconds,
    rssMb: arm.child === null ? Number.NaN : usageOf(arm.child.pid).rssKb / 1024,
    // Less the question's own.
    opened: (await load.opened()) - openedBefore - 1,
  };
}

/** Of what a request costs. */
export const REQUEST_METRICS: readonly Metric[] = [
  { key: "cpuUs", title: "CPU per request", unit: "µs", digits: 1, main: true },
  { key: "perSecond", title: "requests per second", unit: "/s", digits: 0 },
  { key: "p50Ms", title: "p50", unit: "ms", digits: 2 },
  { key: "p99Ms", title: "p99", unit: "ms", digits: 2 },
  { key: "rssMb", title: "memory", unit: "MB", digits: 0 },
  { key: "failures", title: "failures", unit: "", digits: 0 },
];

export function requestValues({ result, cpuPerSecond, rssMb }: Measured): Values {
  const perSecond = result.requests / result.seconds;
  return {
    cpuUs: cpuPerSecond / perSecond,
    perSecond,
    p50Ms: result.latency.p50 / 1000,
    p99Ms: result.latency.p99 / 1000,
    rssMb,
    failures: result.failures,
  };
}

/** Round after round, all arms in turn: what disturbs the machine for a while disturbs them alike. */
export async function inTurns(
  bench: Bench,
  arms: readonly RunningArm[],
  measure: (arm: RunningArm) => Promise<void>,
): Promise<void> {
  for (let round = 1; round <= bench.rounds; round++) {
    // Each round begins with another arm.
    const first = bench.roundsBefore + round - 1;
    const order = arms.map((_, i) => arms[(i + first) % arms.length] ?? null);
    for (const arm of order) {
      if (arm === null) continue;
      bench.progress(`round ${bench.roundsBefore + round}  ${arm.name}`);
      await measure(arm);
    }
  }
}
