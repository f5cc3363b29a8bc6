/** Whom to choose, given a signal? The other half of a policy. Candidate lists are never empty. */
import type { Random } from "../lib/random.ts";
import { randomIndex } from "../lib/random.ts";
import type { Candidate } from "./policy.ts";
import type { Signal } from "./signals.ts";

/** The element at `index`, which the caller keeps in range. */
export function elementAt<T>(list: readonly T[], index: number): T {
  const element = list[index];
  if (element === undefined) throw new Error(`no candidate at index ${index} of ${list.length}, wanted one in range`);
  return element;
}

/** Least of all; the first one (in order of instance id) among equals. */
export function leastOfAll<C extends Candidate>(candidates: readonly C[], signal: Signal, now: number): C {
  let best = elementAt(candidates, 0);
  let bestValue = signal(best, now);
  for (let i = 1; i < candidates.length; i++) {
    const candidate = elementAt(candidates, i);
    const value = signal(candidate, now);
    if (value < bestValue) {
      best = candidate;
      bestValue = value;
    }
  }
  return best;
}

/** The lesser of two different ones drawn at random; the first drawn among equals. A single candidate is taken. */
export function lesserOfTwo<C extends Candidate>(
  candidates: readonly C[],
  signal: Signal,
  random: Random,
  now: number,
): C {
  const size = candidates.length;
  if (size === 1) return elementAt(candidates, 0);
  const first = randomIndex(random, size);
  // Skipping over the first keeps the pair uniform among all pairs of different candidates.
  const drawn = randomIndex(random, size - 1);
  const second = drawn < first ? drawn : drawn + 1;
  const a = elementAt(candidates, first);
  const b = elementAt(candidates, second);
  return signal(b, now) < signal(a, now) ? b : a;
}

/** A run of consecutive candidates that wraps round at the end of the list. */
export interface Slice {
  readonly start: number;
  readonly size: number;
}

/**
 * Least of at most `limit` consecutive ones in the slice, from a random one on. The random start breaks ties, and spreads the
 * reading over a slice that is longer than the limit.
 */
export function leastOfSlice<C extends Candidate>(
  candidates: readonly C[],
  slice: Slice & { readonly limit: number },
  signal: Signal,
  draw: { readonly random: Random; readonly now: number },
): C {
  const total = candidates.length;
  const { start, size, limit } = slice;
  let offset = randomIndex(draw.random, size);
  let index = (start + offset) % total;
  let best: C | null = null;
  let bestValue = Infinity;
  for (let read = Math.min(size, limit); read > 0; read--) {
    const candidate = elementAt(candidates, index);
    const value = signal(candidate, draw.now);
    if (best === null || value < bestValue) {
      best = candidate;
      bestValue = value;
    }
    offset++;
    index++;
    if (offset === size) {
      offset = 0;
      index = start;
    } else if (index === total) index = 0;
  }
  return best ?? elementAt(candidates, 0);
}
