/** What one simulated engine can do with the requests of a trace. Used by run.ts and by the suites of bench/. */
import type { EngineShape } from "./engine.ts";
import type { TraceRow } from "./trace.ts";

/** Requests per millisecond of one engine, by what runs out first: slots or prefill. */
export function capacityPerMs(engine: EngineShape, trace: readonly TraceRow[]): number {
  const mean = (pick: (row: TraceRow) => number): number =>
    trace.reduce((sum, row) => sum + pick(row), 0) / trace.length;
  const prefillMs = mean(({ promptTokens }) => promptTokens) / engine.prefillTokensPerMs;
  const decodeMs = mean(({ outputTokens }) => outputTokens) * engine.decodeMsPerToken;
  return Math.min(1 / prefillMs, engine.slots / (prefillMs + decodeMs));
}
