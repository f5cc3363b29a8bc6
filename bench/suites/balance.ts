/** How well it chooses, and at what price: one decision in a large fleet, and policies in simulated time (bench/sim). */
import { createRandom } from "../../src/lib/random.ts";
import { schedulerOptions } from "../../src/scheduler/options.ts";
import { POLICY_NAMES } from "../../src/scheduler/policies/index.ts";
import { capacityPerMs } from "../sim/capacity.ts";
import { simulate } from "../sim/simulate.ts";
import { quantile } from "../sim/statistics.ts";
import { drawTrace } from "../sim/trace.ts";
import type { Suite } from "./suite.ts";

export const decision: Suite = {
  name: "decision",
  title: "One decision",
  about:
    "Assign, first token and settle of the default policy with 8 dispatchers; each round in a fresh process. p99 is of single assigns, the clock's own cost included.",
  metrics: [
    { key: "p99Us", title: "assign p99", unit: "µs", digits: 2, main: true },
    { key: "medianUs", title: "assign + settle, median", unit: "µs", digits: 2 },
  ],
  async run(bench, record) {
    const script = new URL("../micro/scheduler.ts", import.meta.url).pathname;
    for (let round = 1; round <= bench.rounds; round++) {
      bench.progress(`round ${round}/${bench.rounds}`);
      const child = Bun.spawn([process.execPath, script, "--json", "p2c"], { stdout: "pipe", stderr: "inherit" });
      const rows: readonly { dispatchers: number; size: number; medianNs: number; p99Ns: number }[] =
        await child.stdout.json();
      for (const { dispatchers, size, medianNs, p99Ns } of rows) {
        if (dispatchers === 8) record(`p2c, ${size} instances`, { p99Us: p99Ns / 1000, medianUs: medianNs / 1000 });
      }
    }
  },
};

const INSTANCES = 64;
const ENGINE = { slots: 64, prefillTokensPerMs: 20, decodeMsPerToken: 30 };

export const sim: Suite = {
  name: "sim",
  title: "Balance in simulated time",
  about: `${INSTANCES} instances, 8 dispatchers, digests 100 ms old, load 0.9, lengths as in a chat trace: how long a request waits before its prefill. Each round has another seed. \`bun bench/sim/run.ts\` has more.`,
  metrics: [
    { key: "queueP99Ms", title: "queueing p99", unit: "ms", digits: 0, main: true },
    { key: "queueP50Ms", title: "p50", unit: "ms", digits: 0 },
    { key: "ttftP99Ms", title: "first token p99", unit: "ms", digits: 0 },
    { key: "imbalance", title: "most / mean in flight", unit: "", digits: 2 },
  ],
  async run(bench, record) {
    const policies = bench.quick ? (["random", "p2c"] as const) : ([...POLICY_NAMES, "omniscient"] as const);
    const trace = drawTrace(20_000, createRandom(1));
    for (let round = 1; round <= Math.min(bench.rounds, bench.quick ? 1 : 3); round++) {
      for (const policy of policies) {
        bench.progress(`round ${round}  ${policy}`);
        const result = simulate({
          instances: INSTANCES,
          dispatchers: 8,
          skew: 0,
          digestAgeMs: 100,
          engine: ENGINE,
          trace,
          requestsPerMs: 0.9 * INSTANCES * capacityPerMs(ENGINE, trace),
          requests: 60_000,
          arrivals: "poisson",
          chooser: policy === "omniscient" ? policy : schedulerOptions.parse({ policy }),
          seed: round,
        });
        const { queuedMs, ttftMs, imbalance } = result;
        record(policy, {
          queueP99Ms: quantile(queuedMs, 0.99),
          queueP50Ms: quantile(queuedMs, 0.5),
          ttftP99Ms: quantile(ttftMs, 0.99),
          imbalance,
        });
      }
    }
  },
};
