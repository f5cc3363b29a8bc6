#!/usr/bin/env bun
/** Compares all policies in simulated time and prints tables. `bun bench/sim/run.ts --help`. */
import { mkdirSync } from "node:fs";
import { parseArgs } from "node:util";
import { createRandom } from "../../src/lib/random.ts";
import { schedulerOptions } from "../../src/scheduler/options.ts";
import { POLICIES } from "../../src/scheduler/policies/index.ts";
import { Progress } from "../progress.ts";
import { capacityPerMs } from "./capacity.ts";
import type { EngineShape } from "./engine.ts";
import { matrixCharts, matrixText, type Row, rowOf, type Setting, settingsOf } from "./matrix.ts";
import { simulate } from "./simulate.ts";
import { drawTrace, readTrace, type TraceRow } from "./trace.ts";

const DRAWN_ROWS = 20_000;
/** For each instance: enough that the fleet fills and is seen full for many times the length of a request. */
const REQUESTS = { each: 800, least: 60_000 };
const QUICK_REQUESTS = { each: 200, least: 30_000 };
const MATRIX = { instances: "8,64,512", dispatchers: "1,2,8,32", ages: "0,10,100,1000" };

/** Those that go by engines' reports are left out: here are none, and they would be their own fall-back. */
const COMPARED = POLICIES.filter(({ readsReports }) => readsReports !== true);

const HELP = `Usage: bun bench/sim/run.ts [options]

  --matrix               ${MATRIX.instances} instances, ${MATRIX.dispatchers} dispatchers, digests ${MATRIX.ages} ms old: all combinations, most of an hour
  --quick                a quarter of the requests; with --matrix some ten minutes
  --out DIRECTORY        write the figures (JSON), a table (Markdown) and charts (SVG) there
  --trace FILE           published trace (.csv or .jsonl); may be given several times; default: lengths drawn as in a chat trace
  --arrivals KIND        poisson (default), or trace: the trace's own gaps, scaled to the load, and its order
  --instances N,N        default 64
  --dispatchers N,N      threads that choose, default 8
  --digest-age-ms MS,MS  mean age of what one dispatcher knows of another, default 100
  --skew SHARE           how much more than the mean the busiest dispatcher gets, default 0
  --load SHARE           of what the fleet can do without caches, default 0.9
  --requests N           default ${REQUESTS.each} for each instance, at least ${REQUESTS.least}
  --policies A,B         default: all but those that go by reports of engines, or by prefixes unless there is a cache; and omniscient,
                         which sees every engine's true state
  --margin N             p2c: spill margin, default 4
  --slots N              requests in an engine's batch, default 64
  --prefill-tokens N     tokens of prompt an engine computes per second, default 20000
  --decode-ms MS         per output token, default 30
  --cache-blocks N       blocks of 512 tokens in an engine's prefix cache, default 0; for traces that name blocks, with --arrivals trace
  --seed N               default 1`;

const { values } = parseArgs({
  options: {
    help: { type: "boolean", short: "h" },
    matrix: { type: "boolean", default: false },
    quick: { type: "boolean", default: false },
    out: { type: "string" },
    trace: { type: "string", multiple: true, default: [] },
    arrivals: { type: "string", default: "poisson" },
    instances: { type: "string" },
    dispatchers: { type: "string" },
    skew: { type: "string", default: "0" },
    "digest-age-ms": { type: "string" },
    load: { type: "string", default: "0.9" },
    requests: { type: "string" },
    policies: { type: "string" },
    margin: { type: "string", default: "4" },
    slots: { type: "string", default: "64" },
    "prefill-tokens": { type: "string", default: "20000" },
    "decode-ms": { type: "string", default: "30" },
    "cache-blocks": { type: "string", default: "0" },
    seed: { type: "string", default: "1" },
  },
});

const ENGINE: EngineShape = {
  slots: Number(values.slots),
  prefillTokensPerMs: Number(values["prefill-tokens"]) / 1000,
  decodeMsPerToken: Number(values["decode-ms"]),
  cacheBlocks: Number(values["cache-blocks"]),
};

if (values.help === true) {
  console.log(HELP);
} else {
  for (const [name, trace] of await traces()) await compare(name, trace);
}

async function traces(): Promise<(readonly [string, TraceRow[]])[]> {
  const found: (readonly [string, TraceRow[]])[] = [];
  for (const path of values.trace) {
    if (await Bun.file(path).exists()) found.push([path, await readTrace(path)]);
    else console.log(`skipped: no trace at ${path}`);
  }
  return found.length > 0 ? found : [["drawn", drawTrace(DRAWN_ROWS, createRandom(1))]];
}

async function compare(name: string, trace: readonly TraceRow[]): Promise<void> {
  const settings = settingsOf(
    numbers(values.instances ?? (values.matrix ? MATRIX.instances : "64")),
    numbers(values.dispatchers ?? (values.matrix ? MATRIX.dispatchers : "8")),
    numbers(values["digest-age-ms"] ?? (values.matrix ? MATRIX.ages : "100")),
  );
  const progress = new Progress(settings.length);
  const rows = settings.flatMap((setting) => compareIn(setting, trace, progress));
  const title = `${name.split("/").at(-1) ?? name}, load ${values.load}, ${values.arrivals} arrivals`;
  if (values.out === undefined) return;
  mkdirSync(values.out, { recursive: true });
  await Bun.write(`${values.out}/simulation.json`, `${JSON.stringify(rows, null, 1)}\n`);
  await Bun.write(`${values.out}/simulation.md`, matrixText(rows, title));
  for (const [file, svg] of matrixCharts(rows, title)) await Bun.write(`${values.out}/${file}`, svg);
  console.log(`\n${values.out}/simulation.md`);
}

function compareIn(setting: Setting, trace: readonly TraceRow[], progress: Progress): Row[] {
  const { instances, dispatchers, digestAgeMs } = setting;
  const name = `${instances} instances, ${dispatchers} dispatchers, digests ${digestAgeMs} ms old`;
  progress.suite(name);
  const policies = values.policies?.split(",") ?? defaultPolicies();
  const rows = policies.map((policy) => {
    progress.step(policy);
    return rowOf(setting, policy, simulated(setting, policy, trace));
  });
  progress.end();
  console.log(`\n${name}`);
  console.log(`${"policy".padEnd(24)}  queued ms: p50     p99   TTFT ms: p50     p99   max/mean in flight   cached`);
  for (const row of rows) console.log(line(row));
  return rows;
}

function simulated(setting: Setting, policy: string, trace: readonly TraceRow[]): ReturnType<typeof simulate> {
  const { each, least } = values.quick ? QUICK_REQUESTS : REQUESTS;
  const options = { policy, "spill-margin": Number(values.margin) };
  return simulate({
    ...setting,
    skew: Number(values.skew),
    engine: ENGINE,
    trace,
    requestsPerMs: Number(values.load) * setting.instances * capacityPerMs(ENGINE, trace),
    requests: Number(values.requests ?? Math.max(least, each * setting.instances)),
    arrivals: values.arrivals === "trace" ? "trace" : "poisson",
    chooser: policy === "omniscient" ? policy : schedulerOptions.parse(options),
    seed: Number(values.seed),
  });
}

function defaultPolicies(): readonly string[] {
  const own = COMPARED.filter(({ readsPrompt }) => readsPrompt !== "prefixes" || ENGINE.cacheBlocks !== 0);
  return [...own.map(({ name }) => name), "omniscient"];
}

function numbers(text: string): number[] {
  return text.split(",").map(Number);
}

function line({ policy, queueP50Ms, queueP99Ms, ttftP50Ms, ttftP99Ms, imbalance, hitRate }: Row): string {
  const cell = (value: number): string => value.toFixed(0).padStart(8);
  const cached = `${(100 * hitRate).toFixed(1)} %`.padStart(18);
  return `${policy.padEnd(26)}${cell(queueP50Ms)}${cell(queueP99Ms)}        ${cell(ttftP50Ms)}${cell(ttftP99Ms)}   ${imbalance.toFixed(2).padStart(8)}${cached}`;
}
