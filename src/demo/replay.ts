/**
 * The open-loop load generator: every request starts when the trace says, however slow the answers are, and its times count from
 * that intended start, so that a stall shows in all requests that it delayed (no coordinated omission). Called by demo.ts.
 */
import { AnswerWatch, type AnswerSink } from "./answer-watch.ts";
import { requestBody } from "./prompt.ts";
import type { Recorder } from "./recorder.ts";
import type { DueRequest, Workload } from "./workload.ts";

export interface ReplayClock {
  /** Milliseconds on a monotonic clock. */
  now(): number;
  after(delayMs: number, callback: () => void): void;
}

export const REAL_CLOCK: ReplayClock = {
  now: () => performance.now(),
  after: (delayMs, callback) => void setTimeout(callback, delayMs),
};

export type Send = (body: Uint8Array, sink: AnswerSink) => void;

export interface ReplaySetup {
  readonly send: Send;
  readonly clock: ReplayClock;
  readonly recorder: Recorder;
  readonly tokensPerEvent: number;
  /** Once aborted, nothing more is started and the replay rejects with the signal's reason. */
  readonly signal: AbortSignal;
}

/** Resolves when every request has ended. */
export function replay(workload: Workload, setup: ReplaySetup): Promise<void> {
  const { clock, recorder, signal } = setup;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  const startedAt = clock.now();
  recorder.begin(startedAt);
  let next = 0;
  let open = workload.requests.length;
  const ended = (): void => {
    if (--open === 0) resolve();
  };
  const launchDue = (): void => {
    for (let request = workload.requests[next]; request !== undefined; request = workload.requests[next]) {
      if (signal.aborted) return;
      const dueAt = startedAt + request.dueMs;
      const delayMs = dueAt - clock.now();
      if (delayMs > 0) {
        clock.after(delayMs, launchDue);
        return;
      }
      next++;
      launch(request, dueAt, setup, ended);
    }
  };
  launchDue();
  return promise;
}

function launch(request: DueRequest, dueAt: number, setup: ReplaySetup, ended: () => void): void {
  const { send, clock, recorder, tokensPerEvent } = setup;
  const expected = { outputTokens: request.outputTokens, tokensPerEvent };
  const watch = new AnswerWatch(recorder.start(dueAt, clock.now()), expected, () => clock.now(), ended);
  send(requestBody(request, tokensPerEvent), watch);
}
