/**
 * What a request costs an engine, by the mock's own timing model: from it the demo works out how fast to replay a trace so that
 * the fleet is as busy as asked for. Also the engines' settings. Used by workload.ts and fleet.ts.
 */
import { PRESETS } from "../mock-engine/timing.ts";
import type { TraceRequest } from "./trace-request.ts";

export const ENGINE_PRESET = "moe-21b";
/** FastDeploy's default for `--max-num-seqs`. */
export const ENGINE_SLOTS = 8;

const TIMING = PRESETS[ENGINE_PRESET].timing;

/**
 * Engine time that a request takes from the fleet's capacity when all slots are in use: its prompt's own prefill, which holds up
 * the whole batch, and its share of the steps in which its answer is decoded. `cachedTokens` of the prompt cost nothing.
 */
export function engineWorkMs(request: TraceRequest, cachedTokens: number): number {
  const contextThousands = (request.promptTokens + request.outputTokens / 2) / 1000;
  const perTokenMs = TIMING.baseMs / ENGINE_SLOTS + TIMING.msPerDecoding + TIMING.msPerKvThousand * contextThousands;
  const prefillMs = TIMING.msPerPrefillToken * Math.max(0, request.promptTokens - cachedTokens);
  return prefillMs + perTokenMs * request.outputTokens;
}
