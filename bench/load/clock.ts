/**
 * One clock for all processes and threads of a benchmark, in nanoseconds: Bun's own starts with each of them, `timeOrigin` says when that was.
 * Exact to a microsecond (checked against CLOCK_MONOTONIC), and small enough for a double to hold every nanosecond.
 */
const WINDOW_MS = 1e9;

/** A thread has its own origin, and loads this file itself. */
const OFFSET_NS = Math.round((performance.timeOrigin % WINDOW_MS) * 1e6);

export function clockNs(): number {
  return OFFSET_NS + Bun.nanoseconds();
}
