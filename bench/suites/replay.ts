/**
 * Does the simulator tell the truth? Requests go through the real router to the simulator's engines in real time. Then the simulation gets
 * the same requests at the times at which they reached an engine; what they wait must be the same, within a tenth. What held up the
 * generator or the machine for a moment so held up both.
 */
import { z } from "zod";
import { createRandom } from "../../src/lib/random.ts";
import { schedulerOptions } from "../../src/scheduler/options.ts";
import { fleetFile, startRouter } from "../arms/ours.ts";
import { endProcess, freePort, pinned } from "../arms/pinned-process.ts";
import { chatBody } from "../load/chat-body.ts";
import { BYTES_PER_TOKEN } from "../load/sim-engines.ts";
import { capacityPerMs } from "../sim/capacity.ts";
import type { EngineShape } from "../sim/engine.ts";
import { mean, quantile } from "../sim/statistics.ts";
import { type Served, simulate } from "../sim/simulate.ts";
import { drawTrace, type TraceRow } from "../sim/trace.ts";
import { CHAT } from "./measure.ts";
import type { Bench, Suite, Values } from "./suite.ts";
import { addresses } from "./variants.ts";

const INSTANCES = 24;
const WORKERS = 2;
/** Threads that share so many instances send a digest every 50 ms, which the main thread passes on at once. */
const DIGESTS = { digestAgeMs: 26, digestDelayMs: 1 };
/**
 * Bound by prefill and quick to forget: the run holds thousands of independent queues, so that chance moves a 99th percentile by 4 % at
 * most (standard deviation, simulated). With full batches it would take an hour.
 */
const ENGINE: EngineShape = { slots: 64, prefillTokensPerMs: 20, decodeMsPerToken: 1 };
const TRACE_ROWS = 5000;
const TOKENS = { least: 60, most: 4096 };
/** By policy: high enough that requests queue, low enough that the queue's tail is steady within the run. */
const LOADS = { p2c: 0.9, round_robin: 0.6, random: 0.4 } as const;
type Replayed = keyof typeof LOADS;
/** The kernel spreads connections over the threads, not requests: many make the shares equal within a few percent. */
const CONNECTIONS = 1200;
/** Both are settled by then: JavaScript compiled, corrections learnt, queues as long as they will be. */
const WARM_UP_MS = 5000;
const RUN_MS = 40_000;
/** For the first tokens of the last requests that count, under unchanged load. */
const TAIL_MS = 3000;
/** The simulation is cheap: its own chance is averaged out. */
const SEEDS = [1, 2, 3, 4, 5];

export const replay: Suite = {
  name: "replay",
  title: "The simulator against the real router",
  about: `The same requests at the same times in simulated and in real time (${RUN_MS / 1000} s for each policy), ${INSTANCES} instances, ${WORKERS} worker threads: how long a request waits before its prefill, and until its first token, seen by the engine. Means, p90 and p99 of the first token must agree within 10 %.`,
  metrics: [
    { key: "offPercent", title: "first token off by at most", unit: "%", digits: 1 },
    { key: "ttftMeanMs", title: "first token, mean", unit: "ms", digits: 1, main: true },
    { key: "ttftP90Ms", title: "p90", unit: "ms", digits: 1 },
    { key: "ttftP99Ms", title: "p99", unit: "ms", digits: 1 },
    { key: "queueMeanMs", title: "queueing, mean", unit: "ms", digits: 1 },
    { key: "queueP99Ms", title: "p99", unit: "ms", digits: 1 },
    { key: "requests", title: "requests", unit: "", digits: 0 },
  ],
  async run(bench, record) {
    for (const policy of ["p2c", "round_robin", "random"] as const) {
      bench.progress(`${policy}: through the router`);
      const arrived = await replayed(bench, policy);
      const real = valuesOf(
        arrived.flatMap(({ atMs, first }) => (first === null ? [] : [{ arrivedAtMs: atMs, ...first }])),
      );
      bench.progress(`${policy}: simulated`);
      const simulated = meanOf(SEEDS.map((seed) => valuesOf(simulatedWith(policy, arrived, seed))));
      record(`${policy}, simulated`, simulated);
      record(`${policy}, real`, { ...real, offPercent: offPercent(real, simulated) });
    }
  },
};

const arrivals = z.array(
  z.object({
    atMs: z.number(),
    promptTokens: z.number(),
    outputTokens: z.number(),
    first: z.object({ queuedMs: z.number(), ttftMs: z.number() }).nullable(),
  }),
);
type Arrived = z.infer<typeof arrivals>[number];

function simulatedWith(policy: Replayed, arrived: readonly Arrived[], seed: number): readonly Served[] {
  return simulate({
    instances: INSTANCES,
    dispatchers: WORKERS,
    skew: 0,
    ...DIGESTS,
    engine: ENGINE,
    trace: arrived,
    requestsPerMs: Number.NaN,
    requests: arrived.length,
    arrivals: arrived.map(({ atMs }) => atMs),
    chooser: schedulerOptions.parse({ policy }),
    seed,
  }).served;
}

async function replayed(bench: Bench, policy: Replayed): Promise<readonly Arrived[]> {
  const trace = drawTrace(TRACE_ROWS, createRandom(1)).map((row) => ({
    ...row,
    promptTokens: Math.min(TOKENS.most, Math.max(TOKENS.least, row.promptTokens)),
  }));
  const port = freePort();
  const script = new URL("../load/sim-engines.ts", import.meta.url).pathname;
  const setting = { ...bench.setting, cores: bench.allCores };
  const engines = Bun.spawn(pinned([process.execPath, script, String(port), JSON.stringify(ENGINE)], bench.allCores), {
    stdout: "pipe",
    stderr: "inherit",
  });
  await engines.stdout.getReader().read();
  const variant = { workers: WORKERS, fleet: fleetFile(addresses(INSTANCES, port)), flags: ["--policy", policy] };
  const router = await startRouter(setting, variant);
  try {
    const { failures } = await bench.load.run(
      {
        ...CHAT,
        host: "127.0.0.1",
        port: router.port,
        connections: CONNECTIONS,
        bodyBytes: 0,
        bodies: trace.map(bodyOf),
        behaviour: { kind: "answer", bytes: 2 },
        requestsPerSecond: 1000 * LOADS[policy] * INSTANCES * capacityPerMs(ENGINE, trace),
        warmUpMs: 0,
        durationMs: WARM_UP_MS + RUN_MS + TAIL_MS,
      },
      { begin() {}, end() {} },
    );
    if (failures > 0) throw new Error(`${failures} requests failed in the replay, wanted none`);
    return arrivals.parse(await (await fetch(`http://127.0.0.1:${port}/arrived`)).json());
  } finally {
    if (router.child !== null) await endProcess(router.child);
    await endProcess(engines);
  }
}

function bodyOf({ promptTokens, outputTokens }: TraceRow): string {
  const body = chatBody(Math.max(200, Math.round(promptTokens) * BYTES_PER_TOKEN), true).toString();
  return body.replace('"max_tokens":128', `"max_tokens":${Math.max(1, Math.round(outputTokens))}`);
}

function valuesOf(all: readonly Served[]): Values {
  const counted = all.filter(({ arrivedAtMs }) => arrivedAtMs >= WARM_UP_MS && arrivedAtMs < WARM_UP_MS + RUN_MS);
  const ttft = Float64Array.from(counted, ({ ttftMs }) => ttftMs).toSorted();
  const queued = Float64Array.from(counted, ({ queuedMs }) => queuedMs).toSorted();
  return {
    ttftMeanMs: mean(ttft),
    ttftP90Ms: quantile(ttft, 0.9),
    ttftP99Ms: quantile(ttft, 0.99),
    queueMeanMs: mean(queued),
    queueP99Ms: quantile(queued, 0.99),
    requests: counted.length,
  };
}

function meanOf(all: readonly Values[]): Values {
  const keys = Object.keys(all[0] ?? {});
  return Object.fromEntries(keys.map((key) => [key, mean(all.map((values) => values[key] ?? Number.NaN))]));
}

/** The largest difference of the figures that are known well enough to be held to. */
function offPercent(real: Values, simulated: Values): number {
  const held = ["ttftMeanMs", "ttftP90Ms", "ttftP99Ms"];
  return Math.max(...held.map((key) => 100 * Math.abs((real[key] ?? Number.NaN) / (simulated[key] ?? Number.NaN) - 1)));
}
