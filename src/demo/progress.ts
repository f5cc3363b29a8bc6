/** Keeps what the board shows while the demo goes through its policies. Told by demo.ts; read by screen.ts. */
import type { BoardView, PolicyProgress } from "./board.ts";
import type { DemoOptions } from "./options.ts";
import type { Recorder } from "./recorder.ts";
import type { PolicyResult } from "./report.ts";
import type { Workload } from "./workload.ts";

/** Over how long tokens/s is averaged. */
const RATE_WINDOW_MS = 1000;

export class Progress {
  readonly #now: () => number;
  #title = "fd-router demo";
  #total = 0;
  #policies: PolicyProgress[] = [];
  #current: { readonly policy: string; readonly recorder: Recorder | null } | null = null;
  #rate = { at: 0, tokens: 0, perSecond: 0 };

  constructor(now: () => number) {
    this.#now = now;
  }

  begin(workload: Workload, options: DemoOptions, instances: number): void {
    this.#total = workload.requests.length;
    this.#title = `fd-router demo  ${instances} instances, load ${workload.load.toFixed(2)}, engine time ${options.timeScale}x`;
    this.#policies = options.policies.map((policy) => ({
      policy,
      state: "waiting",
      ended: 0,
      failed: 0,
      p99TtftMs: null,
    }));
  }

  starting(policy: string): void {
    this.#current = { policy, recorder: null };
    this.#set({ policy, state: "starting", ended: 0, failed: 0, p99TtftMs: null });
  }

  running(recorder: Recorder): void {
    if (this.#current === null) return;
    this.#current = { policy: this.#current.policy, recorder };
    this.#rate = { at: this.#now(), tokens: 0, perSecond: 0 };
  }

  finished(result: PolicyResult): void {
    this.#current = null;
    this.#set({
      policy: result.policy,
      state: "done",
      ended: result.requests,
      failed: result.errors,
      p99TtftMs: result.ttftMs.p99,
    });
  }

  view(): BoardView {
    const recorder = this.#current?.recorder ?? null;
    if (this.#current !== null && recorder !== null) {
      const ended = recorder.completed + recorder.failed;
      const { policy } = this.#current;
      this.#set({ policy, state: "running", ended, failed: recorder.failed, p99TtftMs: null });
      this.#updateRate(recorder);
    }
    return {
      title: this.#title,
      total: this.#total,
      policies: this.#policies,
      inFlight: recorder?.inFlight ?? 0,
      tokensPerSecond: recorder === null ? 0 : this.#rate.perSecond,
      instances: recorder?.instances() ?? [],
    };
  }

  #set(progress: PolicyProgress): void {
    this.#policies = this.#policies.map((known) => (known.policy === progress.policy ? progress : known));
  }

  /** In engine time, as all figures of the demo. */
  #updateRate(recorder: Recorder): void {
    const now = this.#now();
    const elapsedMs = now - this.#rate.at;
    if (elapsedMs < RATE_WINDOW_MS) return;
    const tokens = recorder.outputTokens;
    const perSecond = ((tokens - this.#rate.tokens) * 1000) / (elapsedMs * recorder.timeScale);
    this.#rate = { at: now, tokens, perSecond };
  }
}
