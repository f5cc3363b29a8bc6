/**
 * `cache_aware` and `remote_cache_aware`: the prompt's cached share against the share of the highest load; one by the routers'
 * own counts, the other by the engines' reports. An imbalanced fleet, and a prompt that is not known, go by tokens instead.
 */
import type { SchedulingRequest } from "../assignment.ts";
import type { Candidate, Policy, PolicyContext, PolicyDefinition, PolicySettings } from "../policy.ts";
import { leastOfAll } from "../selectors.ts";
import type { Signal } from "../signals.ts";
import { promptTokens, reportedScore, requestCount } from "../signals.ts";

class CacheAware implements Policy {
  readonly #context: PolicyContext;
  readonly #loadOf: Signal;

  constructor(context: PolicyContext, loadOf: Signal) {
    this.#context = context;
    this.#loadOf = loadOf;
  }

  pick<C extends Candidate>(candidates: readonly C[], { prefixHashes }: SchedulingRequest, now: number): C {
    const { settings, prefixes } = this.#context;
    const loads = candidates.map((candidate) => this.#loadOf(candidate, now));
    const { min, max } = range(loads);
    if (prefixHashes === undefined || isImbalanced(min, max, settings))
      return leastOfAll(candidates, promptTokens, now);
    const matched = prefixes.match(prefixHashes);
    const hitWeight = settings["hit-ratio-weight"];
    const loadWeight = max === 0 ? 0 : settings["load-balance-weight"] / max;
    const scores = candidates.map(({ instance }, i) => {
      const blocks = matched.get(instance.id) ?? 0;
      const hitPercent = blocks === 0 ? 0 : Math.floor((100 * blocks) / prefixHashes.length);
      return ((100 - hitPercent) / 100) * hitWeight + (loads[i] ?? 0) * loadWeight;
    });
    const best = range(scores).min;
    const equals = candidates.filter((_, i) => scores[i] === best);
    const chosen = leastOfAll(equals, promptTokens, now);
    // Not where it fell back above, as the Go router has it: the prefix should not follow what imbalance scattered.
    prefixes.record(chosen.instance.id, prefixHashes, now);
    return chosen;
  }
}

/** Both thresholds, each strictly. */
function isImbalanced(min: number, max: number, settings: PolicySettings): boolean {
  const difference = max - min;
  return difference > settings["balance-abs-threshold"] && difference / max > settings["balance-rel-threshold"];
}

function range(values: readonly number[]): { readonly min: number; readonly max: number } {
  let min = Infinity;
  let max = -Infinity;
  for (const value of values) {
    if (value < min) min = value;
    if (value > max) max = value;
  }
  return { min, max };
}

export const cacheAware = {
  name: "cache_aware",
  summary:
    "The lowest sum of the uncached share of the prompt and the share of the highest request count; process_tokens while the fleet is imbalanced.",
  readsPrefixes: true,
  create: (context) => new CacheAware(context, requestCount),
} as const satisfies PolicyDefinition;

export const remoteCacheAware = {
  name: "remote_cache_aware",
  summary: "As cache_aware, with the running requests that the engines reported; own counts where a report is missing.",
  readsPrefixes: true,
  create: (context) => new CacheAware(context, reportedScore(0)),
} as const satisfies PolicyDefinition;
