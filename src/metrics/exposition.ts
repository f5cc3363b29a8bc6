/** Writes figures in Prometheus' text format 0.0.4, families sorted by name. */
import { METRICS, type MetricDefinition } from "./catalog.ts";
import type { MetricData } from "./metric-set.ts";

export const CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

export function exposition(data: MetricData): string {
  const families = Object.values(METRICS).toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const seriesByName = Map.groupBy(data.counters, ([series]) => nameOf(series));
  return families.map((metric) => family(metric, seriesByName.get(metric.name) ?? [], data)).join("");
}

function family(metric: MetricDefinition, series: readonly (readonly [string, number])[], data: MetricData): string {
  const lines = linesOf(metric, series, data);
  // A counter without labels is there from the start, so that a rate over it is right at its first event.
  if (lines.length === 0 && metric.labels.length === 0 && metric.type === "counter") lines.push(`${metric.name} 0`);
  if (lines.length === 0) return "";
  return [`# HELP ${metric.name} ${metric.help}`, `# TYPE ${metric.name} ${metric.type}`, ...lines, ""].join("\n");
}

function linesOf(metric: MetricDefinition, series: readonly (readonly [string, number])[], data: MetricData): string[] {
  switch (metric.type) {
    case "histogram":
      return histogramLines(metric, data);
    case "summary":
      return summaryLines(metric, data);
    case "counter":
    case "gauge":
      return series.map(([name, value]) => `${name} ${value}`).toSorted((a, b) => (a < b ? -1 : 1));
  }
}

/** Those that the Go router shows; over the life of the process. */
const QUANTILES = [0.95, 0.99] as const;

function summaryLines(metric: MetricDefinition, data: MetricData): string[] {
  const series = [...data.histograms].filter(([name]) => nameOf(name) === metric.name);
  return series
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([name, { counts, sum }]) => {
      const labels = name.slice(metric.name.length + 1, -1);
      const total = counts.reduce((all, count) => all + count, 0);
      return [
        ...QUANTILES.map(
          (q) => `${metric.name}{${labels},quantile="${q}"} ${quantile(metric.bounds, counts, q * total)}`,
        ),
        `${metric.name}_sum{${labels}} ${sum}`,
        `${metric.name}_count{${labels}} ${total}`,
      ];
    });
}

/** The value below which `rank` of the counted ones lie, spread evenly within its bucket. */
function quantile(bounds: readonly number[], counts: readonly number[], rank: number): number {
  let below = 0;
  for (const [i, count] of counts.entries()) {
    if (count > 0 && below + count >= rank) {
      const from = bounds[i - 1] ?? 0;
      const to = bounds[i] ?? from;
      return from + ((rank - below) / count) * (to - from);
    }
    below += count;
  }
  return 0;
}

function histogramLines(metric: MetricDefinition, data: MetricData): string[] {
  const histogram = data.histograms.get(metric.name);
  const counts = histogram?.counts ?? [];
  let total = 0;
  const lines = [...metric.bounds.map(String), "+Inf"].map((bound, i) => {
    total += counts[i] ?? 0;
    return `${metric.name}_bucket{le="${bound}"} ${total}`;
  });
  return [...lines, `${metric.name}_sum ${histogram?.sum ?? 0}`, `${metric.name}_count ${total}`];
}

function nameOf(series: string): string {
  const brace = series.indexOf("{");
  return brace < 0 ? series : series.slice(0, brace);
}
