/**
 * The scheduling model of one FastDeploy engine (V1 scheduler): a step loop over a FIFO queue, batch slots, a token budget with
 * chunked prefill, KV blocks and pre-emption. Pure: the clock is an argument. driver.ts runs it against the real clock.
 */
import { BlockPool } from "./block-pool.ts";
import { Sequence, type SequenceRequest } from "./sequence.ts";
import { stepMs, type TimingModel } from "./timing.ts";
import { BLOCK_TOKENS, blocksFor } from "./tokens.ts";

export interface EngineLimits {
  readonly maxNumSeqs: number;
  readonly maxNumBatchedTokens: number;
  readonly blocks: number;
  readonly prefixCaching: boolean;
  /** PD decode: a pre-empted sequence ends, as it cannot prefill here again. */
  readonly preemptionEnds: boolean;
}

/** New requests fetched from the queue in one round (`MAX_PREFILL_NUM`). */
const FETCH_PER_STEP = 3;
/** Blocks kept back at admission, so that a fresh prompt does not pre-empt somebody with its first tokens. */
const RESERVED_BLOCKS = 2;

export class Engine {
  readonly pool: BlockPool;
  readonly #limits: EngineLimits;
  readonly #timing: TimingModel;
  /** Front queue: no slot yet. */
  readonly #queue = new Set<Sequence>();
  /** Slot, but not in the batch. */
  #waiting: Sequence[] = [];
  /** The batch, oldest first. */
  #running: Sequence[] = [];
  readonly #held = new Set<Sequence>();
  /** Tokens are being handed out: aborts that come from there wait for its end. */
  #emitting = false;
  #abortedMeanwhile: Sequence[] = [];
  /** Multiplies the length of every step: a slow GPU. */
  slowFactor = 1;
  steps = 0;
  preemptions = 0;

  constructor(limits: EngineLimits, timing: TimingModel) {
    this.#limits = limits;
    this.#timing = timing;
    this.pool = new BlockPool(limits.blocks);
  }

  get queued(): number {
    return this.#queue.size;
  }
  get waiting(): number {
    return this.#waiting.length;
  }
  get running(): number {
    return this.#running.length + this.#held.size;
  }
  get slotsTaken(): number {
    return this.#waiting.length + this.#running.length + this.#held.size;
  }
  get maxNumSeqs(): number {
    return this.#limits.maxNumSeqs;
  }

  submit(request: SequenceRequest): Sequence {
    const sequence = new Sequence(request);
    this.#queue.add(sequence);
    return sequence;
  }

  /** PD decode: takes slot and blocks for a prompt that is computed elsewhere; null when short of either, or others wait. */
  hold(request: SequenceRequest): Sequence | null {
    if (this.#waiting.length > 0 || this.slotsTaken >= this.#limits.maxNumSeqs) return null;
    const sequence = new Sequence(request);
    if (!this.pool.grow(sequence.lease, blocksFor(request.promptTokens + 1) + RESERVED_BLOCKS)) return null;
    sequence.state = "held";
    this.#held.add(sequence);
    return sequence;
  }

  /** PD decode: the prompt's KV and the first token have come from the other side. */
  release(sequence: Sequence, nowMs: number): void {
    if (!this.#held.delete(sequence)) return;
    sequence.state = "running";
    sequence.startedMs = nowMs;
    sequence.computed = sequence.request.promptTokens;
    this.#running.push(sequence);
    this.#emitting = true;
    this.#emit(sequence, nowMs);
    this.#endEmitting(nowMs);
  }

  /** Frees slot and blocks: at once when no step works on the sequence, else at the end of the step. */
  abort(sequence: Sequence, nowMs: number): void {
    if (sequence.state === "done" || sequence.aborted) return;
    sequence.aborted = true;
    if (sequence.scheduled > 0) return;
    if (this.#emitting) {
      this.#abortedMeanwhile.push(sequence);
      return;
    }
    this.#finish(sequence, nowMs);
    this.#sweep();
  }

  /** Forms the next batch. Its length in ms, or null when there is nothing to compute. */
  begin(nowMs: number): number | null {
    this.#fetch(nowMs);
    for (;;) {
      const lengthMs = this.#schedule(nowMs);
      // Half-computed prompts can take each other's blocks until none can go on: the youngest makes room.
      if (lengthMs !== null || this.#running.length < 2) return lengthMs;
      this.#preemptYoungest(nowMs);
    }
  }

  #schedule(nowMs: number): number | null {
    const decode = this.#scheduleDecoding(nowMs);
    let budget = this.#limits.maxNumBatchedTokens - decode.decoding;
    let prefillTokens = 0;
    for (const sequence of this.#running) {
      if (sequence.scheduled > 0 || sequence.decoding || budget <= 0) continue;
      const chunk = this.#scheduleChunk(sequence, budget);
      budget -= chunk;
      prefillTokens += chunk;
    }
    if (!decode.preempted || decode.decoding === 0) prefillTokens += this.#admit(budget, nowMs);
    if (decode.decoding === 0 && prefillTokens === 0) return null;
    this.steps++;
    return stepMs(this.#timing, { ...decode, prefillTokens }) * this.slowFactor;
  }

  /** Ends the step that `begin` formed: tokens come out, finished and aborted sequences leave. */
  commit(nowMs: number): void {
    this.#emitting = true;
    for (const sequence of this.#running) {
      if (sequence.scheduled === 0) continue;
      sequence.computed += sequence.scheduled;
      sequence.scheduled = 0;
      if (sequence.aborted) this.#finish(sequence, nowMs);
      else if (sequence.computed === sequence.context) this.#emit(sequence, nowMs);
    }
    this.#endEmitting(nowMs);
  }

  /** When the oldest request in the queue has arrived or will arrive; null when the queue is empty. */
  nextArrivalMs(): number | null {
    for (const sequence of this.#queue) return sequence.request.arrivalMs;
    return null;
  }

  #fetch(nowMs: number): void {
    let promised = 0;
    for (const sequence of this.#waiting) promised += blocksFor(sequence.context);
    promised += this.#outstandingBlocks();
    let fetched = 0;
    for (const sequence of this.#queue) {
      if (fetched === FETCH_PER_STEP || this.slotsTaken >= this.#limits.maxNumSeqs) return;
      if (sequence.request.arrivalMs > nowMs) return;
      promised += blocksFor(sequence.context);
      if (promised + RESERVED_BLOCKS > this.pool.available && this.slotsTaken > 0) return;
      this.#queue.delete(sequence);
      sequence.state = "waiting";
      this.#waiting.push(sequence);
      fetched++;
    }
  }

  #scheduleDecoding(nowMs: number): { decoding: number; decodingContextTokens: number; preempted: boolean } {
    let decoding = 0;
    let decodingContextTokens = 0;
    let preempted = false;
    for (let i = 0; i < this.#running.length; i++) {
      const sequence = this.#running[i];
      if (sequence === undefined || !sequence.decoding) continue;
      while (!this.pool.grow(sequence.lease, blocksFor(sequence.context)) && this.#running.length > i) {
        this.#preemptYoungest(nowMs);
        preempted = true;
      }
      if (sequence.state !== "running") break;
      sequence.scheduled = 1;
      decoding++;
      decodingContextTokens += sequence.context;
    }
    return { decoding, decodingContextTokens, preempted };
  }

  /** Moves waiting sequences into the batch while budget and blocks last. The prompt tokens that they compute in this step. */
  #admit(budget: number, nowMs: number): number {
    let used = 0;
    while (used < budget) {
      const sequence = this.#waiting[0];
      if (sequence === undefined) break;
      const hits = this.#cachedBlocks(sequence);
      sequence.lease = this.pool.lease(sequence.request.blockKeys, hits);
      sequence.computed = hits * BLOCK_TOKENS;
      const needed = blocksFor(sequence.context) - hits + this.#outstandingBlocks();
      const chunk = needed > this.pool.available ? 0 : this.#scheduleChunk(sequence, budget - used);
      if (chunk === 0) {
        this.pool.release(sequence.lease);
        break;
      }
      used += chunk;
      this.#waiting.shift();
      sequence.state = "running";
      if (sequence.startedMs === null) sequence.cachedTokens = sequence.computed;
      sequence.startedMs ??= nowMs;
      this.#running.push(sequence);
    }
    return used;
  }

  /** Blocks that the half-computed prompts in the batch will still want. */
  #outstandingBlocks(): number {
    let blocks = 0;
    for (const { lease, context } of this.#running) {
      blocks += Math.max(0, blocksFor(context) - lease.cached.length - lease.privateBlocks);
    }
    return blocks;
  }

  /** A prefill chunk of at most `budget` tokens, or as many as there are blocks for. */
  #scheduleChunk(sequence: Sequence, budget: number): number {
    const lease = sequence.lease;
    const room = (lease.cached.length + lease.privateBlocks + this.pool.available) * BLOCK_TOKENS - sequence.computed;
    const chunk = Math.max(0, Math.min(budget, sequence.context - sequence.computed, room));
    if (chunk === 0 || !this.pool.grow(lease, blocksFor(sequence.computed + chunk))) return 0;
    sequence.scheduled = chunk;
    return chunk;
  }

  /** At least the last token is always computed, since the first output comes from it. */
  #cachedBlocks(sequence: Sequence): number {
    if (!this.#limits.prefixCaching) return 0;
    const usable = Math.floor((sequence.context - 1) / BLOCK_TOKENS);
    return Math.min(usable, this.pool.countCached(sequence.request.blockKeys));
  }

  #preemptYoungest(nowMs: number): void {
    const sequence = this.#running.pop();
    if (sequence === undefined) return;
    sequence.preemptions++;
    this.preemptions++;
    if (this.#limits.preemptionEnds) {
      sequence.rescheduled = true;
      this.#finish(sequence, nowMs);
      return;
    }
    this.pool.release(sequence.lease);
    sequence.state = "waiting";
    sequence.computed = 0;
    sequence.scheduled = 0;
    this.#waiting.unshift(sequence);
  }

  #emit(sequence: Sequence, nowMs: number): void {
    if (sequence.generated === 0) {
      sequence.firstTokenMs = nowMs;
      if (this.#limits.prefixCaching) this.pool.publish(sequence.lease, sequence.request.blockKeys);
    }
    sequence.generated++;
    sequence.request.sink.token(sequence, nowMs);
    sequence.lastTokenMs = nowMs;
    if (!sequence.aborted && sequence.generated >= sequence.request.outputTokens) this.#finish(sequence, nowMs);
  }

  #endEmitting(nowMs: number): void {
    this.#emitting = false;
    for (const sequence of this.#abortedMeanwhile) {
      if (!isDone(sequence)) this.#finish(sequence, nowMs);
    }
    this.#abortedMeanwhile = [];
    this.#sweep();
  }

  /** Leaves the arrays of batch and waiting to `#sweep`, as they may be walked just now. */
  #finish(sequence: Sequence, nowMs: number): void {
    const { finalKeys, sink } = sequence.request;
    if (!sequence.aborted && this.#limits.prefixCaching && finalKeys !== undefined) {
      const full = Math.floor(sequence.computed / BLOCK_TOKENS);
      this.pool.publish(sequence.lease, finalKeys(sequence.generated).slice(0, full));
    }
    this.pool.release(sequence.lease);
    this.#queue.delete(sequence);
    this.#held.delete(sequence);
    sequence.state = "done";
    sink.finished(sequence, nowMs);
  }

  #sweep(): void {
    if (this.#running.some(isDone)) this.#running = this.#running.filter((sequence) => !isDone(sequence));
    if (this.#waiting.some(isDone)) this.#waiting = this.#waiting.filter((sequence) => !isDone(sequence));
  }
}

function isDone(sequence: Sequence): boolean {
  return sequence.state === "done";
}
