/**
 * `p2c`: home slice with P2C spill. Each dispatcher knows exactly what it sent itself and only roughly what the others did. So
 * it takes the least loaded of its own slice of the fleet, where nobody else starts, and leaves it only for one of two
 * instances drawn from the whole that is clearly less loaded. Never the minimum over all of what others reported: all
 * dispatchers would run to the same one at once. A single dispatcher has the whole fleet for its slice and exact figures.
 */
import type { Candidate, Policy, PolicyContext, PolicyDefinition } from "../policy.ts";
import type { Slice } from "../selectors.ts";
import { elementAt, leastOfSlice, lesserOfTwo } from "../selectors.ts";
import type { Signal } from "../signals.ts";
import { mixedLoad } from "../signals.ts";

/** Instances of the slice read for one request: bounds the cost when few dispatchers share thousands of instances. */
const READ_LIMIT = 16;
/** Above this age of the digests the margin doubles: the others' figures are worth less. */
const STALE_DIGEST_MS = 250;

class HomeSliceP2c implements Policy {
  readonly #context: PolicyContext;

  constructor(context: PolicyContext) {
    this.#context = context;
  }

  pick<C extends Candidate>(candidates: readonly C[], _request: unknown, now: number): C {
    return pickFromHomeOrSpill(candidates, mixedLoad, this.#context, now);
  }
}

/** The choice itself, by any signal whose unit is a request. */
export function pickFromHomeOrSpill<C extends Candidate>(
  candidates: readonly C[],
  signal: Signal,
  context: PolicyContext,
  now: number,
): C {
  if (candidates.length === 1) return elementAt(candidates, 0);
  const { random, dispatchers } = context;
  const { start, size } = homeSlice(candidates.length, dispatchers.index, dispatchers.count);
  const home = leastOfSlice(candidates, { start, size, limit: READ_LIMIT }, signal, { random, now });
  if (size === candidates.length && size <= READ_LIMIT) return home;
  const spill = lesserOfTwo(candidates, signal, random, now);
  return signal(spill, now) < signal(home, now) - spillMargin(context, now) ? spill : home;
}

/** How much less loaded an instance must be, in requests, to be preferred to one of the own slice. */
export function spillMargin({ settings, dispatchers }: PolicyContext, now: number): number {
  return settings["spill-margin"] * (dispatchers.digestAgeMs(now) > STALE_DIGEST_MS ? 2 : 1);
}

/**
 * The slice of dispatcher `index`: slices start evenly spread over the sorted list and cover it, so that a joining or leaving
 * instance moves each of them by less than one place per dispatcher before it.
 */
export function homeSlice(instances: number, index: number, dispatchers: number): Slice {
  const size = Math.min(instances, Math.max(2, Math.ceil(instances / dispatchers)));
  return { start: Math.floor((index * instances) / dispatchers) % instances, size };
}

export const p2c = {
  name: "p2c",
  summary:
    "The least loaded of this thread's share of the instances, unless one of two drawn from all is clearly less loaded; load is requests in flight plus prompt tokens waiting for prefill.",
  create: (context) => new HomeSliceP2c(context),
} as const satisfies PolicyDefinition;
