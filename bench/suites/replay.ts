/**
 * Does the simulator tell the truth? The same requests go through the real router to the simulator's engines, in real time; what they
 * wait there must be what the simulation says, within a tenth.
 */
import { z } from "zod";
import { createRandom } from "../../src/lib/random.ts";
import { schedulerOptions } from "../../src/scheduler/options.ts";
import { fleetFile, startRouter } from "../arms/ours.ts";
import { endProcess, freePort, pinned } from "../arms/pinned-process.ts";
import { chatBody } from "../load/chat-body.ts";
import { BYTES_PER_TOKEN } from "../load/sim-engines.ts";
import { capacityPerMs } from "../sim/capacity.ts";
import { simulate } from "../sim/simulate.ts";
import { drawTrace, type TraceRow } from "../sim/trace.ts";
import { CHAT } from "./measure.ts";
import type { Bench, Suite } from "./suite.ts";
import { addresses } from "./variants.ts";

const INSTANCES = 16;
const WORKERS = 2;
const LOAD = 0.9;
/** Of digests between two threads that share few instances each: sent every 50 ms. */
const DIGEST_AGE_MS = 50;
/** Short answers, so that a minute holds many of them and the fleet fills soon. */
const ENGINE = { slots: 16, prefillTokensPerMs: 20, decodeMsPerToken: 5 };
const LEAST_TOKENS = 60;
const WARM_UP_MS = 15_000;
const RUN_MS = 60_000;

export const replay: Suite = {
  name: "replay",
  title: "The simulator against the real router",
  about: `The same requests, ${INSTANCES} instances, ${WORKERS} worker threads, load ${LOAD}, in simulated and in real time (${RUN_MS / 1000} s): mean and p99 of what a request waits before its prefill. The two must agree within 10 %.`,
  metrics: [
    { key: "meanMs", title: "queueing, mean", unit: "ms", digits: 1, main: true },
    { key: "p99Ms", title: "queueing p99", unit: "ms", digits: 0 },
    { key: "requests", title: "requests", unit: "", digits: 0 },
  ],
  async run(bench, record) {
    const trace = drawTrace(5000, createRandom(1)).map((row) => ({
      ...row,
      promptTokens: Math.max(LEAST_TOKENS, row.promptTokens),
    }));
    const requestsPerMs = LOAD * INSTANCES * capacityPerMs(ENGINE, trace);
    for (const policy of ["p2c", "random"] as const) {
      bench.progress(`${policy}: simulated`);
      const { queuedMs } = simulate({
        instances: INSTANCES,
        dispatchers: WORKERS,
        skew: 0,
        digestAgeMs: DIGEST_AGE_MS,
        engine: ENGINE,
        trace,
        requestsPerMs,
        requests: Math.round(requestsPerMs * (RUN_MS + WARM_UP_MS)),
        arrivals: "poisson",
        chooser: schedulerOptions.parse({ policy }),
        seed: 1,
      });
      record(`${policy}, simulated`, valuesOf(queuedMs));
      bench.progress(`${policy}: through the router`);
      record(`${policy}, real`, valuesOf(await replayed(bench, trace, requestsPerMs * 1000, policy)));
    }
  },
};

async function replayed(
  bench: Bench,
  trace: readonly TraceRow[],
  requestsPerSecond: number,
  policy: string,
): Promise<Float64Array> {
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
  const queued = async (): Promise<number[]> =>
    z.array(z.number()).parse(await (await fetch(`http://127.0.0.1:${port}/queued`)).json());
  try {
    let measured: Promise<unknown> = Promise.resolve();
    await bench.generator.run(
      {
        ...CHAT,
        host: "127.0.0.1",
        port: router.port,
        connections: 600,
        bodyBytes: 0,
        bodies: trace.map(bodyOf),
        behaviour: { kind: "answer", bytes: 2 },
        requestsPerSecond,
        warmUpMs: WARM_UP_MS,
        durationMs: RUN_MS,
      },
      {
        begin: () => {
          measured = queued();
        },
        end() {},
      },
    );
    await measured;
    return Float64Array.from(await queued()).toSorted();
  } finally {
    if (router.child !== null) await endProcess(router.child);
    await endProcess(engines);
  }
}

function bodyOf({ promptTokens, outputTokens }: TraceRow): string {
  const body = chatBody(Math.max(200, Math.round(promptTokens) * BYTES_PER_TOKEN), true).toString();
  return body.replace('"max_tokens":128', `"max_tokens":${Math.max(1, Math.round(outputTokens))}`);
}

function valuesOf(sorted: Float64Array): Record<string, number> {
  const mean = sorted.reduce((sum, value) => sum + value, 0) / sorted.length;
  return { meanMs: mean, p99Ms: sorted[Math.floor((sorted.length - 1) * 0.99)] ?? Number.NaN, requests: sorted.length };
}
