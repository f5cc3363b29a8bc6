/**
 * Counts and times one policy's replay. Times are kept in engine time: wall time multiplied by the time scale, since the engines'
 * clocks run that much faster. Filled by replay.ts, read live by the board and at the end by the report.
 */
import { build, type Histogram } from "hdr-histogram-js";

export interface Quantiles {
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
}

export interface InstanceCount {
  readonly name: string;
  readonly requests: number;
  /** Requests that this instance is answering now. */
  readonly inFlight: number;
  /** Sum of the time that requests spent, from intended start to end, in engine milliseconds. */
  readonly busyMs: number;
}

/** One request under way. */
export interface RequestRecord {
  answeredBy(instance: string | null): void;
  firstToken(at: number): void;
  /** `count` tokens came `gapMs`, wall time, after those before. */
  tokens(gapMs: number, count: number): void;
  /** `problem` null: answered to its end. */
  end(at: number, problem: string | null): void;
}

const UNKNOWN_INSTANCE = "unknown";
const HOUR_US = 3_600_000_000;

export class Recorder {
  readonly timeScale: number;
  readonly #ttftUs = newHistogram();
  readonly #tokenGapUs = newHistogram();
  readonly #sendLagUs = newHistogram();
  readonly #instances = new Map<string, { requests: number; inFlight: number; busyMs: number }>();
  readonly #failures = new Map<string, number>();
  /** What the router had to say when requests failed. */
  readonly notes: string[] = [];
  #startedAt = 0;
  #endedAt = 0;
  started = 0;
  completed = 0;
  failed = 0;
  /** Received so far. */
  outputTokens = 0;

  /** `instances`: the fleet's names, so that one that gets nothing is seen too. */
  constructor(timeScale: number, instances: readonly string[]) {
    this.timeScale = timeScale;
    for (const name of instances) this.#instances.set(name, { requests: 0, inFlight: 0, busyMs: 0 });
  }

  begin(at: number): void {
    this.#startedAt = at;
    this.#endedAt = at;
  }

  /** A request that was due at `intendedAt` is sent now. */
  start(intendedAt: number, now: number): RequestRecord {
    this.started++;
    this.#sendLagUs.recordValue(toUs(now - intendedAt));
    let instance: { requests: number; inFlight: number; busyMs: number } | null = null;
    return {
      answeredBy: (name) => {
        instance = this.#instance(name ?? UNKNOWN_INSTANCE);
        instance.requests++;
        instance.inFlight++;
      },
      firstToken: (at) => {
        this.outputTokens++;
        this.#ttftUs.recordValue(this.#engineUs(at - intendedAt));
      },
      tokens: (gapMs, count) => {
        if (count <= 0) return;
        this.outputTokens += count;
        this.#tokenGapUs.recordValueWithCount(this.#engineUs(gapMs / count), count);
      },
      end: (at, problem) => {
        this.#endedAt = Math.max(this.#endedAt, at);
        if (problem === null) this.completed++;
        else this.#fail(problem);
        if (instance === null) return;
        instance.inFlight--;
        instance.busyMs += (at - intendedAt) * this.timeScale;
      },
    };
  }

  get inFlight(): number {
    return this.started - this.completed - this.failed;
  }

  /** From the first intended start to the last end, in engine milliseconds. */
  get elapsedMs(): number {
    return (this.#endedAt - this.#startedAt) * this.timeScale;
  }

  get ttftMs(): Quantiles {
    return quantilesMs(this.#ttftUs);
  }

  /** Time between tokens; those that came in one event share its gap evenly. */
  get tokenGapMs(): Quantiles {
    return quantilesMs(this.#tokenGapUs);
  }

  /** How late requests were sent, in wall time: by this machine's fault, not the router's. */
  get sendLagMs(): Quantiles {
    return quantilesMs(this.#sendLagUs);
  }

  instances(): InstanceCount[] {
    return [...this.#instances].map(([name, count]) => ({ name, ...count }));
  }

  /** Reasons with their counts, most frequent first. */
  failures(): (readonly [reason: string, count: number])[] {
    return [...this.#failures].toSorted((a, b) => b[1] - a[1]);
  }

  #instance(name: string): { requests: number; inFlight: number; busyMs: number } {
    const known = this.#instances.get(name);
    if (known !== undefined) return known;
    const fresh = { requests: 0, inFlight: 0, busyMs: 0 };
    this.#instances.set(name, fresh);
    return fresh;
  }

  #fail(problem: string): void {
    this.failed++;
    this.#failures.set(problem, (this.#failures.get(problem) ?? 0) + 1);
  }

  #engineUs(wallMs: number): number {
    return toUs(wallMs * this.timeScale);
  }
}

function toUs(ms: number): number {
  return Math.min(HOUR_US, Math.max(0, Math.round(ms * 1000)));
}

function newHistogram(): Histogram {
  return build({ lowestDiscernibleValue: 1, highestTrackableValue: HOUR_US, numberOfSignificantValueDigits: 3 });
}

function quantilesMs(histogram: Histogram): Quantiles {
  const at = (percentile: number): number => histogram.getValueAtPercentile(percentile) / 1000;
  return { p50: at(50), p90: at(90), p99: at(99) };
}
