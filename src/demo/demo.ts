/**
 * The story of the demo: read or draw a trace, plan the replay, replay it once for each policy on a fresh fleet, report.
 * Called by commands/demo.ts.
 */
import { createRandom } from "../lib/random.ts";
import { synthesizeTrace } from "./fit.ts";
import { Fleet } from "./fleet.ts";
import { HttpSender } from "./http-sender.ts";
import type { DemoOptions } from "./options.ts";
import type { Progress } from "./progress.ts";
import { listInstances } from "./readiness.ts";
import { Recorder } from "./recorder.ts";
import { REAL_CLOCK, replay } from "./replay.ts";
import { policyResult, type DemoReport, type PolicyResult } from "./report.ts";
import { readTrace, type Trace } from "./trace.ts";
import { UsageError } from "./usage-error.ts";
import { planWorkload, requestsForLoad, warmUpWorkload, type Workload } from "./workload.ts";

/** Fewer events cost less of the machine that the fleet shares with its load; FastDeploy's `max_streaming_response_tokens`. */
const TOKENS_PER_EVENT = 16;
/** After the last arrival: nothing should be left long before. */
const TAIL_MS = 30_000;

/** For fleets that have just been started. */
const WARM_UP = warmUpWorkload(200, 1000);

/** Where requests of one replay go. */
interface Target {
  readonly url: string;
  readonly instances: readonly string[];
  /** Rejects when it breaks; never resolves. */
  readonly broken: Promise<never>;
}

export async function runDemo(options: DemoOptions, progress: Progress, signal: AbortSignal): Promise<DemoReport> {
  const running = options.router === null ? null : await runningTarget(options.router);
  const instances = running?.instances.length ?? options.instances;
  const { trace, workload } = await makeWorkload(options, instances);
  progress.begin(workload, options, instances);
  const policies: PolicyResult[] = [];
  for (const policy of options.policies) {
    progress.starting(policy);
    const onTarget = (target: Target): Promise<Recorder> => measure(workload, target, { options, progress, signal });
    const recorder =
      running === null ? await onFleet({ policy, workload, options, signal }, onTarget) : await onTarget(running);
    const result = policyResult(policy, recorder);
    policies.push(result);
    progress.finished(result);
  }
  return {
    trace: trace.name,
    instances,
    workers: running === null ? options.workers : null,
    load: workload.load,
    rateScale: workload.rateScale,
    timeScale: options.timeScale,
    seed: options.seed,
    policies,
  };
}

async function makeWorkload(options: DemoOptions, instances: number): Promise<{ trace: Trace; workload: Workload }> {
  const plan = { ...options, instances };
  const trace = options.trace === null ? drawTrace(options.seed, plan) : await readTrace(options.trace);
  const workload = planWorkload(trace, plan);
  if (workload === null) {
    throw new UsageError(
      `${trace.name} has too few requests for ${instances} instances at load ${options.load} over ${options.durationMs / 1000} s: lower one of them`,
    );
  }
  return { trace, workload };
}

const SAMPLE_REQUESTS = 2000;

/** Three times what is needed, since the replay takes its stretch from the middle. */
function drawTrace(seed: number, plan: Parameters<typeof requestsForLoad>[1]): Trace {
  const sample = synthesizeTrace(SAMPLE_REQUESTS, createRandom(seed));
  return synthesizeTrace(Math.max(SAMPLE_REQUESTS, 3 * requestsForLoad(sample, plan)), createRandom(seed));
}

interface FleetRun {
  readonly policy: string;
  readonly workload: Workload;
  readonly options: DemoOptions;
  readonly signal: AbortSignal;
}

async function onFleet(run: FleetRun, use: (target: Target) => Promise<Recorder>): Promise<Recorder> {
  const { policy, workload, options, signal } = run;
  const { instances, workers, timeScale } = options;
  const maxTokens = Math.max(...workload.requests.map((request) => request.promptTokens + request.outputTokens));
  const fleet = await Fleet.start({ policy, instances, workers, timeScale, maxTokens }, signal);
  try {
    const recorder = await use({ url: fleet.routerUrl, instances: fleet.instanceUrls, broken: fleet.broken });
    if (recorder.failed > 0 && fleet.routerWords !== "")
      recorder.notes.push(`${policy}: the router runs${fleet.routerWords}`);
    return recorder;
  } finally {
    await fleet.stop();
  }
}

async function runningTarget(url: URL): Promise<Target> {
  const instances = await listInstances(url.origin);
  if (instances === null || instances.length === 0) {
    const state = instances === null ? "it does not answer GET /registered" : "it has no mixed instance";
    throw new UsageError(`cannot replay against ${url.origin}: ${state}`);
  }
  return { url: url.origin, instances, broken: new Promise(() => {}) };
}

interface MeasureSetup {
  readonly options: DemoOptions;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

async function measure(workload: Workload, target: Target, setup: MeasureSetup): Promise<Recorder> {
  const { options, progress, signal } = setup;
  const sender = new HttpSender(target.url, workload.durationMs + TAIL_MS);
  const play = async (part: Workload, recorder: Recorder): Promise<void> => {
    const replayed = replay(part, {
      send: (body, sink) => sender.send(body, sink),
      clock: REAL_CLOCK,
      recorder,
      tokensPerEvent: TOKENS_PER_EVENT,
      signal,
    });
    await Promise.race([replayed, target.broken]);
  };
  try {
    if (options.router === null) await play(WARM_UP, new Recorder(options.timeScale, target.instances));
    const recorder = new Recorder(options.timeScale, target.instances);
    progress.running(recorder);
    await play(workload, recorder);
    return recorder;
  } finally {
    sender.close();
  }
}
