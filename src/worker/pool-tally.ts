/** The figures of all worker threads together, those of threads that ended included. Used by pool.ts. */
import type { FleetSnapshot } from "../fleet/snapshot.ts";
import { METRICS } from "../metrics/catalog.ts";
import { addMetrics, hasLabelValue, type MetricData, NO_METRICS } from "../metrics/metric-set.ts";
import { Departures } from "./departures.ts";
import type { InstanceFigures } from "./messages.ts";
import type { PoolThread } from "./pool-thread.ts";

export interface PoolFigures {
  readonly data: MetricData;
  readonly instances: readonly InstanceFigures[];
  readonly workers: number;
  readonly restarts: number;
  readonly oldestDigestMs: number;
}

/** For the status line: by what the threads told last. */
export interface PoolTotals {
  /** Inference requests that ended since the start. */
  readonly requests: number;
  readonly inFlight: number;
  readonly serving: number;
  readonly workers: number;
}

/** How often sessions came back to their instance, of how many choices, since the start. */
export interface SessionFigures {
  readonly hits: number;
  readonly total: number;
}

export class PoolTally {
  /** Of threads that ended: what they counted stays counted. */
  #ended: MetricData = NO_METRICS;
  readonly #departures = new Departures();

  metrics(threads: readonly PoolThread[]): MetricData {
    return threads.reduce((sum, thread) => addMetrics(sum, thread.metrics), this.#ended);
  }

  sessions(threads: readonly PoolThread[]): SessionFigures {
    const { counters } = this.metrics(threads);
    const count = (name: string): number => counters.get(name) ?? 0;
    return { hits: count(METRICS.cacheHits.name), total: count(METRICS.cacheRequests.name) };
  }

  /** Inference requests that ended since the start. */
  requests(threads: readonly PoolThread[]): number {
    const counts = this.metrics(threads).histograms.get(METRICS.requestDuration.name)?.counts ?? [];
    return counts.reduce((sum, count) => sum + count, 0);
  }

  /** The thread has ended: takes its figures over. */
  keep(thread: PoolThread): void {
    this.#ended = addMetrics(this.#ended, thread.metrics);
    thread.forget();
  }

  update(snapshot: FleetSnapshot): void {
    this.#departures.update(snapshot, performance.now());
  }

  /** Series of instances that left long ago go, as they do in the threads. */
  forgetDeparted(): void {
    const gone = this.#departures.takeForgotten(performance.now());
    if (gone.size === 0) return;
    const counters = [...this.#ended.counters].filter(([series]) => !hasLabelValue(series, gone));
    this.#ended = { ...this.#ended, counters: new Map(counters) };
  }
}

/** Sum of requests, mean of load. */
export function sumInstances(threads: readonly PoolThread[]): readonly InstanceFigures[] {
  const all = threads.flatMap((thread) => thread.instances);
  return [...Map.groupBy(all, ({ id }) => id)].map(([id, figures]) => ({
    id,
    inFlight: figures.reduce((sum, { inFlight }) => sum + inFlight, 0),
    load: figures.reduce((sum, { load }) => sum + load, 0) / figures.length,
  }));
}
