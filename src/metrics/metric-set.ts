/** The figures of one thread, absolute since its start; sets of several threads are summed on a scrape. Plain data when posted. */
import type { MetricDefinition } from "./catalog.ts";
import { addHistograms, type HistogramData } from "./histogram.ts";

/** `series` is a name with its labels as in the text format: `http_requests_total{endpoint="/register",...}`. */
export interface MetricData {
  readonly counters: ReadonlyMap<string, number>;
  readonly histograms: ReadonlyMap<string, HistogramData>;
}

export const NO_METRICS: MetricData = { counters: new Map(), histograms: new Map() };

/** Name and labels of one series. `values` in the order of the metric's labels. */
export function seriesOf(metric: MetricDefinition, values: readonly string[]): string {
  if (values.length === 0) return metric.name;
  const pairs = metric.labels.map((label, i) => `${label}="${escapeLabel(values[i] ?? "")}"`);
  return `${metric.name}{${pairs.join(",")}}`;
}

export function addMetrics(a: MetricData, b: MetricData): MetricData {
  const counters = new Map(a.counters);
  for (const [series, value] of b.counters) counters.set(series, (counters.get(series) ?? 0) + value);
  const histograms = new Map(a.histograms);
  for (const [series, data] of b.histograms) {
    const known = histograms.get(series);
    histograms.set(series, known === undefined ? data : addHistograms(known, data));
  }
  return { counters, histograms };
}

/** Whether a label of the series has one of the values. These are instance ids: nothing in them is escaped. */
export function hasLabelValue(series: string, values: ReadonlySet<string>): boolean {
  return values.size > 0 && [...series.matchAll(/="([^"]*)"/g)].some(([, value]) => values.has(value ?? ""));
}

function escapeLabel(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
