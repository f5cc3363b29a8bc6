/** What the generator is told and what it reports. Posted between load-process.ts and load-program.ts. */
import type { Behaviour } from "./behaviour.ts";

export interface LoadSpec {
  readonly host: string;
  readonly port: number;
  readonly path: string;
  readonly connections: number;
  /** Request bodies; the engine's behaviour travels beside them. */
  readonly bodyBytes: number;
  /** Instead of a chat body. */
  readonly bodies?: readonly string[];
  readonly behaviour: Behaviour;
  /**
   * Closed: each connection sends its next request when it has its answer. A rate: requests start at times drawn beforehand, whether or
   * not a connection is free, and what they wait for one counts.
   */
  readonly requestsPerSecond: number | "closed";
  /** Never sleeps, so that no waking up is measured. Takes a core; without it starts come up to a millisecond late. */
  readonly spins: boolean;
  /** New connections per millisecond at the start. */
  readonly rampPerMs: number;
  readonly warmUpMs: number;
  readonly durationMs: number;
}

/** Microseconds. */
export interface Quantiles {
  readonly count: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

export interface LoadResult {
  readonly seconds: number;
  readonly requests: number;
  readonly events: number;
  /** Connections that broke, and statuses other than 200. */
  readonly failures: number;
  /** The same by what happened. */
  readonly failureKinds: Readonly<Record<string, number>>;
  /** From the intended start to the last byte. */
  readonly latency: Quantiles;
  /** From the intended start to the first byte. */
  readonly firstByte: Quantiles;
  /** From the engine's stamp in an event to its arrival. */
  readonly eventAge: Quantiles;
  /** How late the generator itself was. */
  readonly lag: Quantiles;
}

export type FromLoad =
  | { readonly kind: "ready" }
  /** Warm-up is over: what is measured from outside begins now. */
  | { readonly kind: "measuring" }
  /** And ends. */
  | { readonly kind: "measured" }
  | { readonly kind: "done"; readonly result: LoadResult };
