/** The report of a run as Markdown: the goals, then a table and a chart for each suite. */
import { type Goal, GOALS } from "../goals.ts";
import { judge, spreadOf, type Results, type Verdict } from "../results.ts";
import type { Metric, Suite } from "../suites/suite.ts";

const GRADES: Readonly<Record<Verdict["grade"], string>> = {
  aim: "aim reached",
  must: "met",
  missed: "**missed**",
  "not measured": "not measured",
};

/** `chartFolder` is where the charts stand, seen from the report. */
export function markdown(results: Results, suites: readonly Suite[], chartFolder: string): string {
  const measured = suites.filter(({ name }) => results.suites[name] !== undefined);
  return [
    `# Benchmark of ${results.date}`,
    machineText(results),
    "## Goals",
    goalTable(results),
    ...measured.map((suite) => suiteSection(results, suite, chartFolder)),
  ].join("\n\n");
}

export function machineText({ machine, rounds, runSeconds, skipped }: Results): string {
  const programs = Object.entries(machine.programs).map(([name, version]) => `${name} ${version}`);
  const lines = [
    `${machine.cpu}, ${machine.cores} cores, ${machine.memoryGb} GB, Linux ${machine.kernel}; Bun ${machine.bun}, ${programs.join(", ")}; commit ${machine.commit}.`,
    `Medians of ${rounds} interleaved rounds of ${runSeconds} s. Load average of the machine at the beginning: ${machine.loadAverage.toFixed(1)}.`,
    ...skipped.map((text) => `Skipped: ${text}.`),
  ];
  return lines.join("\n");
}

export function goalTable(results: Results): string {
  const rows = GOALS.map((goal) => judge(results, goal)).map(({ goal, value, grade }) => {
    return `| ${goal.text} | ${value === null ? "" : `${figure(value)} ${goal.unit}`} | ${limitText(goal, goal.must)} | ${limitText(goal, goal.aim)} | ${GRADES[grade]} |`;
  });
  return ["| goal | measured | must | aim | |", "|---|---|---|---|---|", ...rows].join("\n");
}

export function limitText({ atLeast, unit }: Goal, bound: number): string {
  return `${atLeast === true ? "≥" : "≤"} ${bound} ${unit}`;
}

function figure(value: number): string {
  return Math.abs(value) >= 100 ? value.toFixed(0) : value.toPrecision(3);
}

function suiteSection(results: Results, suite: Suite, chartFolder: string): string {
  return [
    `## ${suite.title} (\`${suite.name}\`)`,
    suite.about,
    suiteTable(results, suite),
    `![${suite.title}](${chartFolder}/${suite.name}.svg)`,
  ].join("\n\n");
}

export function suiteTable(results: Results, suite: Suite): string {
  const subjects = Object.keys(results.suites[suite.name] ?? {});
  const main = suite.metrics.find((metric) => metric.main);
  const base = main !== undefined && subjects.includes("nginx") ? main : null;
  const heads = suite.metrics.map(({ title, unit }) => (unit === "" ? title : `${title}, ${unit}`));
  if (base !== null) heads.splice(1, 0, "of nginx");
  const rows = subjects.map((subject) => {
    const cells = suite.metrics.map((metric) => cell(results, suite, subject, metric));
    if (base !== null) cells.splice(1, 0, ofNginx(results, suite, subject, base));
    return `| ${[subject, ...cells].join(" | ")} |`;
  });
  return [`| | ${heads.join(" | ")} |`, `|---|${heads.map(() => "---:|").join("")}`, ...rows].join("\n");
}

function cell(results: Results, { name }: Suite, subject: string, { key, digits }: Metric): string {
  return spreadOf(results, name, subject, key)?.median.toFixed(digits) ?? "";
}

function ofNginx(results: Results, suite: Suite, subject: string, { key }: Metric): string {
  if (subject === "direct") return "";
  const goal = { suite: suite.name, metric: key, subject, against: { kind: "ratio", arms: ["nginx"] } } as const;
  const { value } = judge(results, { ...goal, text: "", unit: "×", must: 0, aim: 0 });
  return value === null ? "" : `${value.toFixed(2)} ×`;
}
