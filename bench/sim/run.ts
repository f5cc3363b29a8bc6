#!/usr/bin/env bun
/** Compares all policies in simulated time and prints a table. `bun bench/sim/run.ts --help`. */
import { parseArgs } from "node:util";
import { createRandom } from "../../src/lib/random.ts";
import { schedulerOptions } from "../../src/scheduler/options.ts";
import { POLICIES } from "../../src/scheduler/policies/index.ts";
import { capacityPerMs } from "./capacity.ts";
import type { EngineShape } from "./engine.ts";
import type { SimulationResult, SimulationSpec } from "./simulate.ts";
import { simulate } from "./simulate.ts";
import type { TraceRow } from "./trace.ts";
import { drawTrace, readTrace } from "./trace.ts";

const DRAWN_ROWS = 20_000;

const WITHOUT_PREFIXES = POLICIES.filter(({ readsPrompt }) => readsPrompt !== "prefixes").map(({ name }) => name);

const HELP = `Usage: bun bench/sim/run.ts [options]

  --trace FILE           published trace (.csv or .jsonl); may be given several times; default: lengths drawn as in a chat trace
  --arrivals KIND        poisson (default), or trace: the trace's own gaps, scaled to the load
  --instances N          default 64
  --dispatchers N        threads that choose, default 8
  --skew SHARE           how much more than the mean the busiest dispatcher gets, default 0
  --digest-age-ms MS     mean age of what one dispatcher knows of another, default 100
  --load SHARE           of what the fleet can do, default 0.9
  --requests N           default 60000
  --policies A,B         default: all but the cache-aware ones, since the engines have no cache; and omniscient, which sees
                         every engine's true state
  --margin N             p2c: spill margin, default 4
  --slots N              requests in an engine's batch, default 64
  --prefill-tokens N     tokens of prompt an engine computes per second, default 20000
  --decode-ms MS         per output token, default 30
  --seed N               default 1`;

const { values } = parseArgs({
  options: {
    help: { type: "boolean", short: "h" },
    trace: { type: "string", multiple: true, default: [] },
    arrivals: { type: "string", default: "poisson" },
    instances: { type: "string", default: "64" },
    dispatchers: { type: "string", default: "8" },
    skew: { type: "string", default: "0" },
    "digest-age-ms": { type: "string", default: "100" },
    load: { type: "string", default: "0.9" },
    requests: { type: "string", default: "60000" },
    policies: { type: "string", default: [...WITHOUT_PREFIXES, "omniscient"].join(",") },
    margin: { type: "string", default: "4" },
    slots: { type: "string", default: "64" },
    "prefill-tokens": { type: "string", default: "20000" },
    "decode-ms": { type: "string", default: "30" },
    seed: { type: "string", default: "1" },
  },
});

if (values.help === true) {
  console.log(HELP);
} else {
  for (const [name, trace] of await traces()) compare(name, trace);
}

async function traces(): Promise<(readonly [string, TraceRow[]])[]> {
  const found: (readonly [string, TraceRow[]])[] = [];
  for (const path of values.trace) {
    if (await Bun.file(path).exists()) found.push([path, await readTrace(path)]);
    else console.log(`skipped: no trace at ${path}`);
  }
  return found.length > 0 ? found : [["drawn", drawTrace(DRAWN_ROWS, createRandom(1))]];
}

function compare(name: string, trace: readonly TraceRow[]): void {
  const engine: EngineShape = {
    slots: Number(values.slots),
    prefillTokensPerMs: Number(values["prefill-tokens"]) / 1000,
    decodeMsPerToken: Number(values["decode-ms"]),
  };
  const instances = Number(values.instances);
  const requestsPerMs = Number(values.load) * instances * capacityPerMs(engine, trace);
  console.log(
    `\n${name}: ${instances} instances, ${values.dispatchers} dispatchers (skew ${values.skew}), digests ${values["digest-age-ms"]} ms old, ` +
      `load ${values.load} (${(requestsPerMs * 1000).toFixed(0)} requests/s, ${values.arrivals})`,
  );
  console.log(`${"policy".padEnd(24)}  queued ms: p50     p99   TTFT ms: p50     p99   max/mean in flight`);
  for (const policy of values.policies.split(",")) {
    const spec: SimulationSpec = {
      instances,
      dispatchers: Number(values.dispatchers),
      skew: Number(values.skew),
      digestAgeMs: Number(values["digest-age-ms"]),
      engine,
      trace,
      requestsPerMs,
      requests: Number(values.requests),
      arrivals: values.arrivals === "trace" ? "trace" : "poisson",
      chooser:
        policy === "omniscient" ? policy : schedulerOptions.parse({ policy, "spill-margin": Number(values.margin) }),
      seed: Number(values.seed),
    };
    console.log(line(policy, simulate(spec)));
  }
}

function line(policy: string, result: SimulationResult): string {
  const { queuedMs, ttftMs, imbalance } = result;
  return `${policy.padEnd(26)}${cell(queuedMs, 0.5)}${cell(queuedMs, 0.99)}        ${cell(ttftMs, 0.5)}${cell(ttftMs, 0.99)}   ${imbalance.toFixed(2).padStart(8)}`;
}

function cell(sorted: Float64Array, share: number): string {
  return (sorted[Math.floor((sorted.length - 1) * share)] ?? Number.NaN).toFixed(0).padStart(8);
}
