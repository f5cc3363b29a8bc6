/** How slowly a request body may come, on both fronts. */
export interface BodySpeed {
  /** Time before the speed counts, and longest pause between two parts. */
  readonly graceMs: number;
  readonly minBytesPerSec: number;
}

export const LEAST_SPEED: BodySpeed = { graceMs: 10_000, minBytesPerSec: 1024 };
