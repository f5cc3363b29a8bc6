/**
 * A queueing model of one inference server: a request waits for one of `slots`, then what is not cached of its prompt is computed,
 * one prompt after the other, then it decodes at a fixed pace and leaves.
 */
import type { EventQueue } from "./event-queue.ts";
import { PrefixCache } from "./prefix-cache.ts";

export interface EngineShape {
  /** Requests in the batch at most. */
  readonly slots: number;
  readonly prefillTokensPerMs: number;
  readonly decodeMsPerToken: number;
  /** Blocks of prompt that the prefix cache holds; absent: there is none. */
  readonly cacheBlocks?: number;
}

/** What was computed for a request when its first token came. */
export interface FirstToken {
  /** What it waited, prefill itself excluded. */
  readonly queuedMs: number;
  readonly cachedTokens: number;
}

export interface Job {
  readonly promptTokens: number;
  readonly outputTokens: number;
  /** The prompt's full blocks, by names that stand for the whole prefix up to them. */
  readonly blocks?: readonly number[];
  readonly onFirstToken: (now: number, first: FirstToken) => void;
  readonly onEnd: (now: number) => void;
}

interface Arrived {
  readonly job: Job;
  readonly at: number;
  /** Tokens to compute, by what was cached when it came. */
  readonly expectedTokens: number;
}

/** Tokens of one block, as in the traces that name them. */
export const BLOCK_TOKENS = 512;
const NO_BLOCKS: readonly number[] = [];

export class SimulatedEngine {
  readonly #events: EventQueue;
  readonly #shape: EngineShape;
  readonly #cache: PrefixCache;
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
    this.#cache = new PrefixCache(shape.cacheBlocks ?? 0);
  }

  get requests(): number {
    return this.#running + this.#waiting.length;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** Prompt tokens yet to be computed. */
  get pendingTokens(): number {
    return this.#pendingTokens;
  }

  /** Of the prompt, by what is cached now. At least the last token is always computed. */
  uncachedTokens({ promptTokens, blocks = NO_BLOCKS }: Pick<Job, "promptTokens" | "blocks">): number {
    return Math.max(1, promptTokens - this.#cache.match(blocks) * BLOCK_TOKENS);
  }

  submit(job: Job, now: number): void {
    const expectedTokens = this.uncachedTokens(job);
    this.#pendingTokens += expectedTokens;
    this.#waiting.push({ job, at: now, expectedTokens });
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
    const { job, at, expectedTokens } = next;
    const uncachedTokens = this.uncachedTokens(job);
    const prefillMs = (uncachedTokens / this.#shape.prefillTokensPerMs) * this.slowness;
    this.#events.add(now + prefillMs, (done) => {
      this.#isPrefilling = false;
      this.#pendingTokens -= expectedTokens;
      this.#cache.keep(job.blocks ?? NO_BLOCKS);
      job.onFirstToken(done, { queuedMs: now - at, cachedTokens: job.promptTokens - uncachedTokens });
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
