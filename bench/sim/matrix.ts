/** The simulations of one call of run.ts: every combination of fleet, dispatchers and digest age, and how they are shown. */
import { type BarGroup, barChart } from "../report/bar-chart.ts";
import type { SimulationResult } from "./simulate.ts";
import { quantile } from "./statistics.ts";

export interface Setting {
  readonly instances: number;
  readonly dispatchers: number;
  readonly digestAgeMs: number;
}

export interface Row {
  readonly setting: Setting;
  readonly policy: string;
  readonly queueP50Ms: number;
  readonly queueP99Ms: number;
  readonly ttftP50Ms: number;
  readonly ttftP99Ms: number;
  readonly imbalance: number;
  readonly hitRate: number;
}

/** A single dispatcher has nobody to hear of: one age stands for all. */
export function settingsOf(
  instances: readonly number[],
  dispatchers: readonly number[],
  digestAgesMs: readonly number[],
): Setting[] {
  return instances.flatMap((size) =>
    dispatchers.flatMap((count) =>
      (count === 1 ? [0] : digestAgesMs).map((age) => ({ instances: size, dispatchers: count, digestAgeMs: age })),
    ),
  );
}

export function rowOf(setting: Setting, policy: string, result: SimulationResult): Row {
  const { queuedMs, ttftMs, imbalance, hitRate } = result;
  return {
    setting,
    policy,
    queueP50Ms: quantile(queuedMs, 0.5),
    queueP99Ms: quantile(queuedMs, 0.99),
    ttftP50Ms: quantile(ttftMs, 0.5),
    ttftP99Ms: quantile(ttftMs, 0.99),
    imbalance,
    hitRate,
  };
}

/** For each fleet one table: policies down, dispatchers and ages across. */
export function matrixText(rows: readonly Row[], title: string): string {
  const tables = [...bySize(rows)].map(([instances, own]) => {
    const columns = Map.groupBy(own, ({ setting }) => columnName(setting));
    const names = [...columns.keys()];
    const lines = policiesOf(own).map((policy) => {
      const cells = names.map((name) =>
        columns
          .get(name)
          ?.find((row) => row.policy === policy)
          ?.queueP99Ms.toFixed(0),
      );
      return `| ${[policy, ...cells].join(" | ")} |`;
    });
    const head = [`| | ${names.join(" | ")} |`, `|---|${names.map(() => "---:|").join("")}`];
    return [`## ${instances} instances`, "", ...head, ...lines, "", `![](${chartName(instances)})`].join("\n");
  });
  const about = "Queueing p99 in ms, by dispatchers and the mean age of what they know of each other.";
  return `# ${title}\n\n${about}\n\n${tables.join("\n\n")}\n`;
}

/** File name to SVG: one for each fleet, at the age nearest 100 ms. */
export function matrixCharts(rows: readonly Row[], title: string): ReadonlyMap<string, string> {
  const charts = [...bySize(rows)].map(([instances, own]) => {
    const ages = [
      ...new Set(own.filter(({ setting }) => setting.dispatchers > 1).map(({ setting }) => setting.digestAgeMs)),
    ];
    const age = ages.toSorted((a, b) => Math.abs(a - 100) - Math.abs(b - 100))[0] ?? 0;
    const shown = own.filter(({ setting }) => setting.dispatchers === 1 || setting.digestAgeMs === age);
    const groups = [...Map.groupBy(shown, ({ setting }) => columnName(setting))].map(([name, each]) =>
      groupOf(name, each),
    );
    const subtitle = `queueing p99, ms; ${title}`;
    const svg = barChart({ title: `${instances} instances`, subtitle, unit: "ms", digits: 0, groups });
    return [chartName(instances), svg] as const;
  });
  return new Map(charts);
}

function groupOf(title: string, rows: readonly Row[]): BarGroup {
  const bars = rows.map(({ policy, queueP99Ms: value }) => ({
    label: policy,
    value,
    least: value,
    most: value,
    strong: policy === "p2c" || policy === "prefix_affinity",
  }));
  return { title, bars };
}

function bySize(rows: readonly Row[]): ReadonlyMap<number, readonly Row[]> {
  return Map.groupBy(rows, ({ setting }) => setting.instances);
}

function policiesOf(rows: readonly Row[]): readonly string[] {
  return [...new Set(rows.map(({ policy }) => policy))];
}

function columnName({ dispatchers, digestAgeMs }: Setting): string {
  return dispatchers === 1 ? "1 dispatcher" : `${dispatchers}, ${digestAgeMs} ms`;
}

function chartName(instances: number): string {
  return `queueing-${instances}.svg`;
}
