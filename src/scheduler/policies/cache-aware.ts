/**
 * `cache_aware` and `remote_cache_aware`: the prompt's cached share against the share of the highest load; one by the routers'
 * own counts, the other by the engines' reports. An imbalanced fleet, and a prompt that is not known, go by tokens instead.
 */
import type { InstanceId } from "../../fleet/instance.ts";
import type { SchedulingRequest } from "../assignment.ts";
import type { CacheChoice, InstanceFigure } from "../cache-choice.ts";
import type { Candidate, Policy, PolicyContext, PolicyDefinition, PolicySettings } from "../policy.ts";
import { leastOfAll } from "../selectors.ts";
import type { Signal } from "../signals.ts";
import { promptTokens, reportedScore, requestCount } from "../signals.ts";

/** What the last pick made, until it is confirmed. */
interface Made {
  readonly request: SchedulingRequest;
  readonly selected: InstanceId;
  readonly candidates: readonly Candidate[];
  readonly loads: readonly number[];
  /** Null: it was not by scores. */
  readonly hitPercents: readonly number[] | null;
}

class CacheAware implements Policy {
  readonly #context: PolicyContext;
  readonly #loadOf: Signal;
  #made: Made | null = null;

  constructor(context: PolicyContext, loadOf: Signal) {
    this.#context = context;
    this.#loadOf = loadOf;
  }

  pick<C extends Candidate>(candidates: readonly C[], request: SchedulingRequest, now: number): C {
    const { settings, prefixes } = this.#context;
    const { prefixHashes } = request;
    const loads = candidates.map((candidate) => this.#loadOf(candidate, now));
    const { min, max } = range(loads);
    if (prefixHashes === undefined || isImbalanced(min, max, settings)) {
      const chosen = leastOfAll(candidates, promptTokens, now);
      this.#made = { request, selected: chosen.instance.id, candidates, loads, hitPercents: null };
      return chosen;
    }
    const matched = prefixes.match(prefixHashes);
    const hitPercents = candidates.map(({ instance }) => hitPercent(matched.get(instance.id), prefixHashes.length));
    const hitWeight = settings["hit-ratio-weight"];
    const loadWeight = max === 0 ? 0 : settings["load-balance-weight"] / max;
    const scores = loads.map((load, i) => ((100 - (hitPercents[i] ?? 0)) / 100) * hitWeight + load * loadWeight);
    const best = range(scores).min;
    const equals = candidates.filter((_, i) => scores[i] === best);
    const chosen = leastOfAll(equals, promptTokens, now);
    this.#made = { request, selected: chosen.instance.id, candidates, loads, hitPercents };
    return chosen;
  }

  confirm(now: number): void {
    const made = this.#made;
    if (made === null) return;
    this.#made = null;
    const { request, selected, hitPercents } = made;
    const { prefixes, sessions, settings } = this.#context;
    // Not where it fell back, as the Go router has it: prefix and session should not follow what imbalance scattered.
    if (hitPercents !== null && request.prefixHashes !== undefined) {
      prefixes.record(selected, request.prefixHashes, now);
      if (request.sessionId !== null) sessions.note(request.role, request.sessionId, selected);
    }
    request.explain?.(choiceOf(made, settings));
  }
}

function choiceOf(made: Made, settings: PolicySettings): CacheChoice {
  const { selected, candidates, loads, hitPercents } = made;
  const named = (figures: readonly number[]): InstanceFigure[] =>
    candidates.map(({ instance }, i) => [instance.id, figures[i] ?? 0]);
  if (hitPercents !== null) {
    const hits = named(hitPercents).filter(([, percent]) => percent > 0);
    return { kind: "scored", selected, loads: named(loads), hitPercents: hits };
  }
  const { min, max } = range(loads);
  // Imbalance comes first: it would have decided with a prompt too.
  return isImbalanced(min, max, settings) ? { kind: "imbalanced", loads: named(loads) } : { kind: "no-prompt" };
}

function hitPercent(matchedBlocks: number | undefined, blocks: number): number {
  return matchedBlocks === undefined || matchedBlocks === 0 ? 0 : Math.floor((100 * matchedBlocks) / blocks);
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
  readsPrompt: "prefixes",
  create: (context) => new CacheAware(context, requestCount),
} as const satisfies PolicyDefinition;

export const remoteCacheAware = {
  name: "remote_cache_aware",
  summary: "As cache_aware, with the running requests that the engines reported; own counts where a report is missing.",
  readsPrompt: "prefixes",
  readsReports: true,
  create: (context) => new CacheAware(context, reportedScore(0)),
} as const satisfies PolicyDefinition;
