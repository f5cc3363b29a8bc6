/** One choice of one request on its way through the engine: state that only engine.ts changes. */
import type { BlockLease } from "./block-pool.ts";

/** What the engine tells about a sequence. Called in the middle of a commit: of the engine, only `abort` may be called. */
export interface SequenceSink {
  /** `sequence.generated` has just grown by one. Not called for a sequence that was aborted. */
  token(sequence: Sequence, nowMs: number): void;
  /** Once, after the last token, or when the abort took effect. */
  finished(sequence: Sequence, nowMs: number): void;
}

export interface SequenceRequest {
  readonly promptTokens: number;
  /** Keys of the prompt's full blocks. */
  readonly blockKeys: readonly number[];
  /** Tokens to generate, at least 1. */
  readonly outputTokens: number;
  /** When it reaches the queue, in simulated time. */
  readonly arrivalMs: number;
  /** Keys of prompt and output when it has ended, for the prefix cache. */
  readonly finalKeys?: (generated: number) => readonly number[];
  readonly sink: SequenceSink;
}

/** `held`: has slot and blocks, but waits for something outside (PD: the other half). */
export type SequenceState = "queued" | "held" | "waiting" | "running" | "done";

export class Sequence {
  readonly request: SequenceRequest;
  state: SequenceState = "queued";
  aborted = false;
  /** Tokens whose KV exists. */
  computed = 0;
  /** Tokens that the step under way computes. */
  scheduled = 0;
  generated = 0;
  cachedTokens = 0;
  preemptions = 0;
  /** Pre-empted where that ends it (PD decode). */
  rescheduled = false;
  lease: BlockLease = { cached: [], privateBlocks: 0 };
  /** First time in the batch; null before. */
  startedMs: number | null = null;
  firstTokenMs: number | null = null;
  lastTokenMs = 0;

  constructor(request: SequenceRequest) {
    this.request = request;
  }

  get context(): number {
    return this.request.promptTokens + this.generated;
  }

  /** All is computed but the last generated token: the next step costs one token. */
  get decoding(): boolean {
    return this.generated > 0 && this.context - this.computed === 1;
  }
}
