/** When the requests of a simulation come, and which rows of the trace they are. */
import type { Random } from "../../src/lib/random.ts";
import type { TraceRow } from "./trace.ts";

export interface Arrivals {
  readonly trace: readonly TraceRow[];
  /** Of all dispatchers together. */
  readonly requestsPerMs: number;
  /** Poisson, or the trace's own gaps scaled to the rate, or these times in milliseconds; with the latter two the trace's order. */
  readonly arrivals: "poisson" | "trace" | readonly number[];
}

/** Milliseconds from one request, named by its number, to the next. */
export function gapsFrom({ arrivals, trace, requestsPerMs }: Arrivals, random: Random): (count: number) => number {
  if (arrivals === "poisson") return () => -Math.log(1 - random()) / requestsPerMs;
  const gaps = arrivals === "trace" ? scaledGaps(trace, requestsPerMs) : gapsOf(arrivals);
  return (count) => gaps[count % gaps.length] ?? 0;
}

/** The trace begins anew after its end. */
export function traceRow(trace: readonly TraceRow[], index: number): TraceRow {
  const row = trace[index % trace.length];
  if (row === undefined) throw new Error("the trace is empty, wanted at least one request");
  return row;
}

/** Gaps between arrivals with the trace's rhythm and the wanted rate. Equal times (batches) are spread up to the next one. */
function scaledGaps(trace: readonly TraceRow[], requestsPerMs: number): number[] {
  const times = trace.map(({ atMs }) => atMs);
  for (let start = 0; start < times.length;) {
    let end = start + 1;
    while (end < times.length && times[end] === times[start]) end++;
    const from = times[start] ?? 0;
    const step = ((times[end] ?? from) - from) / (end - start);
    for (let i = start; i < end; i++) times[i] = from + (i - start) * step;
    start = end;
  }
  const gaps = gapsOf(times);
  const mean = gaps.reduce((sum, gap) => sum + gap, 0) / Math.max(1, gaps.length);
  return mean === 0 ? [1 / requestsPerMs] : gaps.map((gap) => gap / mean / requestsPerMs);
}

function gapsOf(times: readonly number[]): number[] {
  return times.slice(1).map((time, i) => time - (times[i] ?? time));
}
