/**
 * A queueing model of one inference server: a request waits for one of `slots`, then its prompt is computed, one prompt after
 * the other, then it decodes at a fixed pace and leaves.
 */
import type { EventQueue } from "./event-queue.ts";

export interface EngineShape {
  /** Requests in the batch at most. */
  readonly slots: number;
  readonly prefillTokensPerMs: number;
  readonly decodeMsPerToken: number;
}

export interface Job {
  readonly promptTokens: number;
  readonly outputTokens: number;
  /** `queuedMs` is what it waited, prefill itself excluded. */
  readonly onFirstToken: (now: number, queuedMs: number) => void;
  readonly onEnd: (now: number) => void;
}

interface Arrived {
  readonly job: Job;
  readonly at: number;
}

export class SimulatedEngine {
  readonly #events: EventQueue;
  readonly #shape: EngineShape;
  /** Wait for a slot. */
  readonly #waiting: Arrived[] = [];
  /** Have a slot, wait for prefill. */
  readonly #admitted: Arrived[] = [];
  #running = 0;
  #isPrefilling = false;
  #pendingTokens = 0;
  /** 10 is ten times slower. */
  slowness = 1;

  constructor(events: EventQueue, shape: EngineShape) {
    this.#events = events;
    this.#shape = shape;
  }

  get requests(): number {
    return this.#running + this.#waiting.length;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** Prompt tokens not yet computed. */
  get pendingTokens(): number {
    return this.#pendingTokens;
  }

  submit(job: Job, now: number): void {
    this.#pendingTokens += job.promptTokens;
    this.#waiting.push({ job, at: now });
    this.#admit(now);
  }

  #admit(now: number): void {
    while (this.#running < this.#shape.slots) {
      const next = this.#waiting.shift();
      if (next === undefined) break;
      this.#running++;
      this.#admitted.push(next);
    }
    this.#prefill(now);
  }

  #prefill(now: number): void {
    if (this.#isPrefilling) return;
    const next = this.#admitted.shift();
    if (next === undefined) return;
    this.#isPrefilling = true;
    const { job, at } = next;
    const prefillMs = (job.promptTokens / this.#shape.prefillTokensPerMs) * this.slowness;
    this.#events.add(now + prefillMs, (done) => {
      this.#isPrefilling = false;
      this.#pendingTokens -= job.promptTokens;
      job.onFirstToken(done, now - at);
      this.#decode(job, done);
      this.#prefill(done);
    });
  }

  #decode(job: Job, now: number): void {
    const decodeMs = job.outputTokens * this.#shape.decodeMsPerToken * this.slowness;
    this.#events.add(now + decodeMs, (done) => {
      this.#running--;
      job.onEnd(done);
      this.#admit(done);
    });
  }
}
