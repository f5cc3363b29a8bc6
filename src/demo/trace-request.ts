/** One request of a trace: what the readers of all formats make, and what is replayed. */
export interface TraceRequest {
  /** Arrival in the trace's own time, counted from its first request. */
  readonly atMs: number;
  readonly promptTokens: number;
  readonly outputTokens: number;
  /** Ids of the prompt's blocks of 512 tokens where the trace has them: an equal id after equal ids is an equal prefix. */
  readonly blockIds: readonly number[] | null;
}
