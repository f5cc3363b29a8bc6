/** The charts of a run: one a suite for its main figure, and one that shows all costs beside nginx's and HAProxy's. */
import { spreadOf, type Results } from "../results.ts";
import type { Suite } from "../suites/suite.ts";
import { type Bar, barChart, type BarGroup } from "./bar-chart.ts";

const US = "fd-router";
const OVERVIEW = ["small", "2k", "32k", "220k", "sse10k", "sse50k"];
const OVERVIEW_ARMS = ["nginx", "haproxy", US];

/** File name to SVG. */
export function charts(results: Results, suites: readonly Suite[]): ReadonlyMap<string, string> {
  const files = new Map<string, string>();
  for (const suite of suites) {
    const metric = suite.metrics.find(({ main }) => main) ?? suite.metrics[0];
    const bars = metric === undefined ? [] : barsOf(results, suite.name, metric.key);
    if (metric === undefined || bars.length === 0) continue;
    const { title, unit, digits } = metric;
    const subtitle = `${title}, ${unit}; median of ${results.rounds} rounds, line: least to most`;
    const groups = [{ title: "", bars }];
    files.set(`${suite.name}.svg`, barChart({ title: suite.title, subtitle, unit, digits, groups }));
  }
  const groups = overviewGroups(results, suites);
  if (groups.length > 0) {
    files.set(
      "overview.svg",
      barChart({
        title: "CPU time per request and per streamed event",
        subtitle: `µs on one core, all threads; median of ${results.rounds} interleaved rounds, line: least to most`,
        unit: "µs",
        digits: 1,
        groups,
      }),
    );
  }
  return files;
}

function overviewGroups(results: Results, suites: readonly Suite[]): readonly BarGroup[] {
  return suites
    .filter(({ name }) => OVERVIEW.includes(name))
    .map(({ name, title }) => ({
      title,
      bars: barsOf(results, name, "cpuUs").filter(({ label }) => OVERVIEW_ARMS.includes(label)),
    }))
    .filter(({ bars }) => bars.length > 1);
}

function barsOf(results: Results, suite: string, metric: string): readonly Bar[] {
  return Object.keys(results.suites[suite] ?? {}).flatMap((subject) => {
    const spread = spreadOf(results, suite, subject, metric);
    if (spread === null) return [];
    const { median, least, most } = spread;
    return [{ label: subject, value: median, least, most, strong: subject.startsWith(US) || subject === "p2c" }];
  });
}
