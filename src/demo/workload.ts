/**
 * The part of a trace that is replayed, and when each request is due: the same for every policy. Pure; called by demo.ts.
 *
 * The stretch is taken from the middle of the trace, where arrivals are neither starting nor ending, and is as long as gives the
 * fleet the load asked for; its arrival times are then scaled to the time of the replay, all by one factor.
 */
import { engineWorkMs } from "./engine-cost.ts";
import type { TraceRequest } from "./trace-request.ts";
import type { Trace } from "./trace.ts";

export interface DueRequest extends TraceRequest {
  /** Index in the workload, and what makes its prompt unlike all others. */
  readonly id: number;
  /** Intended start, in wall milliseconds after the replay's start. */
  readonly dueMs: number;
}

export interface Workload {
  readonly requests: readonly DueRequest[];
  /** How many times faster than in the trace requests arrive, in engine time. */
  readonly rateScale: number;
  /** Work offered / what the fleet can do in the same time. */
  readonly load: number;
  readonly durationMs: number;
}

export interface WorkloadPlan {
  readonly load: number;
  readonly instances: number;
  /** Wall time of the arrivals. */
  readonly durationMs: number;
  readonly timeScale: number;
}

/** Null when the trace is too short for the load. */
export function planWorkload(trace: Trace, plan: WorkloadPlan): Workload | null {
  const capacityMs = plan.instances * plan.durationMs * plan.timeScale;
  const stretch = middleStretch(trace.requests, plan.load * capacityMs);
  const first = stretch?.[0];
  const last = stretch?.at(-1);
  if (stretch === null || first === undefined || last === undefined) return null;
  const spanMs = last.atMs - first.atMs;
  if (spanMs <= 0) return null;
  return {
    requests: stretch.map((request, id) => ({
      ...request,
      id,
      dueMs: ((request.atMs - first.atMs) / spanMs) * plan.durationMs,
    })),
    rateScale: spanMs / (plan.durationMs * plan.timeScale),
    load: totalWorkMs(stretch) / capacityMs,
    durationMs: plan.durationMs,
  };
}

/** How many requests like those of `sample` make the load: how long a synthetic trace must be. */
export function requestsForLoad(sample: Trace, plan: WorkloadPlan): number {
  const meanMs = totalWorkMs(sample.requests) / sample.requests.length;
  return Math.ceil((plan.load * plan.instances * plan.durationMs * plan.timeScale) / meanMs);
}

/** Requests alike and evenly spaced, to be sent before anything is measured: fresh processes run their first requests slowly. */
export function warmUpWorkload(count: number, durationMs: number): Workload {
  const requests = Array.from({ length: count }, (_, index) => ({
    // Unlike the ids of what is measured, so that no cache knows its prompts.
    id: -1 - index,
    atMs: 0,
    dueMs: (index * durationMs) / count,
    promptTokens: 256,
    outputTokens: 32,
    blockIds: null,
  }));
  return { requests, rateScale: 1, load: 0, durationMs };
}

function middleStretch(requests: readonly TraceRequest[], wantedMs: number): readonly TraceRequest[] | null {
  const fromMiddle = takeWork(requests.slice(Math.floor(requests.length / 2)), wantedMs);
  // A short trace is used from its start.
  return fromMiddle ?? takeWork(requests, wantedMs);
}

function takeWork(requests: readonly TraceRequest[], wantedMs: number): readonly TraceRequest[] | null {
  const caches = new PrefixBlocks();
  let workMs = 0;
  for (const [index, request] of requests.entries()) {
    workMs += engineWorkMs(request, caches.hit(request));
    if (workMs >= wantedMs && index > 0) return requests.slice(0, index + 1);
  }
  return null;
}

function totalWorkMs(requests: readonly TraceRequest[]): number {
  const caches = new PrefixBlocks();
  return requests.reduce((sum, request) => sum + engineWorkMs(request, caches.hit(request)), 0);
}

const BLOCK_TOKENS = 512;

/** Which prompt blocks were seen before, were there one cache for all: the most that prefix caching can save. */
class PrefixBlocks {
  readonly #seen = new Set<number>();

  /** Tokens of the prompt's leading blocks that earlier requests had; then remembers its blocks. */
  hit(request: TraceRequest): number {
    const ids = request.blockIds ?? [];
    const fresh = ids.findIndex((id) => !this.#seen.has(id));
    for (const id of ids) this.#seen.add(id);
    return Math.min((fresh < 0 ? ids.length : fresh) * BLOCK_TOKENS, request.promptTokens);
  }
}
