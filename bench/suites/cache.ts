/** Do prompts come to the instance that has their beginning cached? Policies in simulated time on engines with prefix caches. */
import { createRandom } from "../../src/lib/random.ts";
import { schedulerOptions } from "../../src/scheduler/options.ts";
import { POLICY_NAMES } from "../../src/scheduler/policies/index.ts";
import { capacityPerMs } from "../sim/capacity.ts";
import type { EngineShape } from "../sim/engine.ts";
import { simulate } from "../sim/simulate.ts";
import { mean, quantile } from "../sim/statistics.ts";
import { drawConversations, readTrace, type TraceRow } from "../sim/trace.ts";
import type { Bench, Suite } from "./suite.ts";

const INSTANCES = 64;
const DISPATCHERS = 4;
/** Half a million tokens of cache: a small part of what all conversations would take. */
const ENGINE: EngineShape = { slots: 64, prefillTokensPerMs: 20, decodeMsPerToken: 30, cacheBlocks: 1000 };
/** Of what the fleet could do without caches. The trace's hour is replayed so much faster. */
const LOAD = 0.8;
const TRACE_FILE = "mooncake_conversation.jsonl";
const DRAWN_ROWS = 12_000;

export const cache: Suite = {
  name: "cache",
  title: "Prefix caches in simulated time",
  about: `Mooncake's conversation trace (or, where \`--traces\` has it not, conversations drawn like it), ${INSTANCES} instances that cache ${ENGINE.cacheBlocks} blocks of 512 tokens each, ${DISPATCHERS} dispatchers, digests 100 ms old, load ${LOAD} of what the fleet could do without caches: which share of prompt tokens is found in a cache, and how long requests wait. Each round has another seed.`,
  metrics: [
    { key: "hitPercent", title: "cached prompt tokens", unit: "%", digits: 1, main: true },
    { key: "queueMeanMs", title: "queueing, mean", unit: "ms", digits: 0 },
    { key: "queueP99Ms", title: "p99", unit: "ms", digits: 0 },
    { key: "ttftP99Ms", title: "first token p99", unit: "ms", digits: 0 },
    { key: "imbalance", title: "most / mean in flight", unit: "", digits: 2 },
  ],
  async run(bench, record) {
    const policies = bench.quick
      ? (["random", "prefix_affinity"] as const)
      : ([...POLICY_NAMES, "omniscient"] as const);
    const trace = await traceOf(bench);
    for (let round = 1; round <= Math.min(bench.rounds, bench.quick ? 1 : 3); round++) {
      for (const policy of policies) {
        bench.progress(`round ${round}  ${policy}`);
        const { queuedMs, ttftMs, hitRate, imbalance } = simulate({
          instances: INSTANCES,
          dispatchers: DISPATCHERS,
          skew: 0,
          digestAgeMs: 100,
          engine: ENGINE,
          trace,
          requestsPerMs: LOAD * INSTANCES * capacityPerMs(ENGINE, trace),
          requests: trace.length,
          arrivals: "trace",
          chooser: policy === "omniscient" ? policy : schedulerOptions.parse({ policy }),
          seed: round,
        });
        record(policy, {
          hitPercent: 100 * hitRate,
          queueMeanMs: mean(queuedMs),
          queueP99Ms: quantile(queuedMs, 0.99),
          ttftP99Ms: quantile(ttftMs, 0.99),
          imbalance,
        });
      }
    }
  },
};

async function traceOf(bench: Bench): Promise<readonly TraceRow[]> {
  const path = `${bench.tracesDirectory}/${TRACE_FILE}`;
  if (await Bun.file(path).exists()) return readTrace(path);
  bench.skip(
    `the trace ${TRACE_FILE}, which is not in ${bench.tracesDirectory} (--traces): conversations are drawn instead`,
  );
  return drawConversations(DRAWN_ROWS, createRandom(1));
}
