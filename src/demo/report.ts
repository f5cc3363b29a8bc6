/** What the demo found: one row of figures a policy, and the object that `--json` prints. Pure; called by demo.ts. */
import type { Quantiles, Recorder } from "./recorder.ts";

export interface InstanceShare {
  readonly name: string;
  readonly requests: number;
  /** Of all requests that reached an instance, 0..1. */
  readonly share: number;
  /** Average number of requests in flight: its load. */
  readonly meanInFlight: number;
}

export interface PolicyResult {
  readonly policy: string;
  readonly requests: number;
  readonly errors: number;
  /** Why requests failed, most frequent first. */
  readonly failures: readonly (readonly [reason: string, count: number])[];
  /** What the router had to say when requests failed. */
  readonly notes: readonly string[];
  readonly ttftMs: Quantiles;
  readonly tokenGapMs: Quantiles;
  readonly tokensPerSecond: number;
  /** How late requests were sent, in wall time, at the 99th percentile. */
  readonly sendLagP99Ms: number;
  /** Load of the busiest instance / mean load; 1 is perfect balance. */
  readonly maxOverMean: number;
  readonly instances: readonly InstanceShare[];
}

export interface DemoReport {
  readonly trace: string;
  readonly instances: number;
  /** Null when the router was not started by the demo. */
  readonly workers: number | null;
  readonly load: number;
  readonly rateScale: number;
  readonly timeScale: number;
  readonly seed: number;
  readonly policies: readonly PolicyResult[];
}

export function policyResult(policy: string, recorder: Recorder): PolicyResult {
  const elapsedMs = Math.max(1, recorder.elapsedMs);
  const counts = recorder.instances();
  const answered = Math.max(1, sum(counts.map((count) => count.requests)));
  const instances = counts.map(({ name, requests, busyMs }) => ({
    name,
    requests,
    share: requests / answered,
    // Little's law: time spent by all requests over the time that passed.
    meanInFlight: busyMs / elapsedMs,
  }));
  return {
    policy,
    requests: recorder.started,
    errors: recorder.failed,
    failures: recorder.failures(),
    notes: recorder.notes,
    ttftMs: recorder.ttftMs,
    tokenGapMs: recorder.tokenGapMs,
    tokensPerSecond: (recorder.outputTokens * 1000) / elapsedMs,
    sendLagP99Ms: recorder.sendLagMs.p99,
    maxOverMean: maxOverMean(instances.map((instance) => instance.meanInFlight)),
    instances,
  };
}

/** 0 when there was no load at all. */
export function maxOverMean(loads: readonly number[]): number {
  const mean = sum(loads) / loads.length;
  return mean > 0 ? Math.max(...loads) / mean : 0;
}

export function totalErrors(report: DemoReport): number {
  return sum(report.policies.map((result) => result.errors));
}

export function reportJson(report: DemoReport): Record<string, unknown> {
  return {
    requests: sum(report.policies.map((result) => result.requests)),
    errors: totalErrors(report),
    trace: report.trace,
    instances: report.instances,
    workers: report.workers,
    load: rounded(report.load, 3),
    rate_scale: rounded(report.rateScale, 3),
    time_scale: report.timeScale,
    seed: report.seed,
    policies: Object.fromEntries(report.policies.map((result) => [result.policy, policyJson(result)])),
  };
}

function policyJson(result: PolicyResult): Record<string, unknown> {
  return {
    requests: result.requests,
    errors: result.errors,
    failures: Object.fromEntries(result.failures),
    ttft_ms: quantilesJson(result.ttftMs),
    itl_ms: quantilesJson(result.tokenGapMs),
    tokens_per_second: rounded(result.tokensPerSecond, 1),
    send_lag_p99_ms: rounded(result.sendLagP99Ms, 2),
    max_over_mean: rounded(result.maxOverMean, 3),
    instances: result.instances.map((instance) => ({
      name: instance.name,
      requests: instance.requests,
      share: rounded(instance.share, 4),
      mean_in_flight: rounded(instance.meanInFlight, 3),
    })),
  };
}

function quantilesJson({ p50, p90, p99 }: Quantiles): Record<string, number> {
  return { p50: rounded(p50, 2), p90: rounded(p90, 2), p99: rounded(p99, 2) };
}

function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
