/** `GET /metrics`: the figures of all worker threads, summed, and what the main thread knows of the fleet and of itself. */
import type { ControlReply } from "../fleet/control.ts";
import type { FleetSnapshot } from "../fleet/snapshot.ts";
import { METRICS, type MetricDefinition } from "../metrics/catalog.ts";
import { CONTENT_TYPE, exposition } from "../metrics/exposition.ts";
import { addMetrics, seriesOf, type MetricData } from "../metrics/metric-set.ts";
import type { PoolFigures } from "../worker/pool-tally.ts";

export interface MetricsSources {
  readonly figures: PoolFigures;
  readonly snapshot: FleetSnapshot;
  readonly logDropped: number;
}

export function metricsPage(sources: MetricsSources): ControlReply {
  const { figures } = sources;
  return { status: 200, contentType: CONTENT_TYPE, body: exposition(addMetrics(figures.data, ownMetrics(sources))) };
}

function ownMetrics({ figures, snapshot, logDropped }: MetricsSources): MetricData {
  const counters = new Map<string, number>();
  const set = (metric: MetricDefinition, labels: readonly string[], value: number): void => {
    counters.set(seriesOf(metric, labels), value);
  };
  // Every known instance is there, also those on which nothing runs.
  for (const { instance } of snapshot.members) set(METRICS.inFlight, [instance.id], 0);
  for (const { id, inFlight, load } of figures.instances) {
    set(METRICS.inFlight, [id], inFlight);
    set(METRICS.load, [id], load);
  }
  const kinds = Map.groupBy(snapshot.members, ({ instance, state }) => `${instance.role} ${state}`);
  for (const [kind, members] of kinds) set(METRICS.instances, kind.split(" "), members.length);
  const { user, system } = process.cpuUsage();
  set(METRICS.workers, [], figures.workers);
  set(METRICS.workerRestarts, [], figures.restarts);
  set(METRICS.digestAge, [], figures.oldestDigestMs / 1000);
  set(METRICS.logDropped, [], logDropped);
  set(METRICS.memory, [], process.memoryUsage.rss());
  set(METRICS.cpu, [], (user + system) / 1e6);
  set(METRICS.startTime, [], performance.timeOrigin / 1000);
  return { counters, histograms: new Map() };
}
