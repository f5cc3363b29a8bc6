/** The report for people: policies side by side, the best of each column marked, and what it means in a sentence. */
import { PLAIN, type Paint } from "./paint.ts";
import { totalErrors, type DemoReport, type PolicyResult } from "./report.ts";
import type { Quantiles } from "./recorder.ts";

interface Column {
  readonly title: string;
  readonly value: (result: PolicyResult) => number;
  readonly digits: number;
  /** Space before it, which sets groups apart. */
  readonly width: number;
}

const COLUMNS: readonly Column[] = [
  ...quantileColumns((result) => result.ttftMs, 0),
  ...quantileColumns((result) => result.tokenGapMs, 1),
  { title: "max/mean", value: (result) => result.maxOverMean, digits: 2, width: 12 },
];

const NAME_WIDTH = 13;
const ERRORS_WIDTH = 7;
const INSTANCES_A_ROW = 8;
const MAX_LISTED = 16;
/** Requests sent this late at the 99th percentile make the figures those of the machine rather than of the policies. */
const BUSY_LAG_MS = 50;

export function reportText(report: DemoReport, paint: Paint = PLAIN): string {
  return [...heading(report, paint), "", ...table(report.policies, paint), "", ...shares(report.policies, paint)]
    .concat("", ...conclusion(report, paint), "")
    .join("\n");
}

function heading(report: DemoReport, paint: Paint): string[] {
  const workers = report.workers === null ? [] : [`${report.workers} workers`];
  const requests = report.policies[0]?.requests ?? 0;
  const facts = [`${report.instances} instances`, ...workers, `load ${report.load.toFixed(2)}`];
  return [
    paint("title", "fd-router demo") + paint("dim", `  ${facts.join(", ")}, ${whole(requests)} requests a policy`),
    `trace  ${report.trace}, ${report.rateScale.toFixed(1)}x its rate`,
    report.timeScale === 1
      ? "times  milliseconds, from the moment a request was due"
      : `times  milliseconds of engine time, ${report.timeScale}x wall time, from the moment a request was due`,
  ];
}

function table(policies: readonly PolicyResult[], paint: Paint): string[] {
  const groups = `${" ".repeat(NAME_WIDTH)}${"time to first token".padStart(24)}${"between tokens".padStart(24)}${"load".padStart(12)}`;
  const titles = COLUMNS.map((column) => `${column.title.padStart(column.width - 1)} `).join("");
  const best = COLUMNS.map((column) => Math.min(...policies.map((result) => shown(column, result))));
  const rows = policies.map((result) => {
    const cells = COLUMNS.map((column, index) => {
      const value = shown(column, result);
      const wins = policies.length > 1 && value === best[index];
      const text = fixed(value, column.digits).padStart(column.width - 1);
      return wins ? paint("good", `${text}*`) : `${text} `;
    });
    const errors = String(result.errors).padStart(ERRORS_WIDTH);
    return result.policy.padEnd(NAME_WIDTH) + cells.join("") + (result.errors > 0 ? paint("bad", errors) : errors);
  });
  return [
    paint("dim", groups.trimEnd()),
    paint("dim", "policy".padEnd(NAME_WIDTH) + titles + "errors".padStart(ERRORS_WIDTH)),
    ...rows,
  ];
}

function shares(policies: readonly PolicyResult[], paint: Paint): string[] {
  const most = Math.max(...policies.map((result) => result.instances.length));
  if (most > MAX_LISTED) return [paint("dim", `share of requests by instance: ${most} instances, see --json`)];
  const lines = [paint("dim", "share of requests, and mean requests in flight, by instance")];
  for (let from = 0; from < most; from += INSTANCES_A_ROW) {
    const indices = Array.from({ length: Math.min(INSTANCES_A_ROW, most - from) }, (_, index) => from + index);
    lines.push(paint("dim", " ".repeat(NAME_WIDTH) + indices.map((index) => `#${index + 1}`.padStart(7)).join("")));
    for (const result of policies) lines.push(...shareRows(result, from, paint));
  }
  return lines;
}

function shareRows(result: PolicyResult, from: number, paint: Paint): string[] {
  const part = result.instances.slice(from, from + INSTANCES_A_ROW);
  const percents = part.map((instance) => `${(instance.share * 100).toFixed(1)}%`.padStart(7)).join("");
  const loads = part.map((instance) => instance.meanInFlight.toFixed(1).padStart(7)).join("");
  return [result.policy.padEnd(NAME_WIDTH) + percents, paint("dim", " ".repeat(NAME_WIDTH) + loads)];
}

function conclusion(report: DemoReport, paint: Paint): string[] {
  const [first, ...others] = report.policies;
  const lines = ["* best.  max/mean: load of the busiest instance over the mean load, load being requests in flight."];
  if (first !== undefined && others.length > 0) {
    const ratios = others.map((other) => `${ratio(first.ttftMs.p99, other.ttftMs.p99)}x of ${other.policy}`);
    lines.push(`${paint("title", first.policy)}: p99 time to first token ${ratios.join(", ")}`);
  }
  const lagMs = Math.max(...report.policies.map((result) => result.sendLagP99Ms));
  if (lagMs > BUSY_LAG_MS) lines.push(paint("bad", busyNote(lagMs)));
  const errors = totalErrors(report);
  if (errors > 0) lines.push(paint("bad", `${whole(errors)} requests failed:`), ...failures(report.policies));
  lines.push(...report.policies.flatMap((result) => result.notes.map((note) => paint("dim", note))));
  return lines;
}

function busyNote(lagMs: number): string {
  return `this machine was busy: requests left up to ${whole(lagMs)} ms late, which is in the times above; try a lower --time-scale`;
}

function failures(policies: readonly PolicyResult[]): string[] {
  return policies.flatMap((result) =>
    result.failures.map(([reason, count]) => `  ${result.policy.padEnd(NAME_WIDTH)}${whole(count)} x ${reason}`),
  );
}

function quantileColumns(quantiles: (result: PolicyResult) => Quantiles, digits: number): Column[] {
  return [
    { title: "p50", value: (result) => quantiles(result).p50, digits, width: 8 },
    { title: "p90", value: (result) => quantiles(result).p90, digits, width: 8 },
    { title: "p99", value: (result) => quantiles(result).p99, digits, width: 8 },
  ];
}

/** Rounded as it is printed, so that two equal cells are both marked. */
function shown(column: Column, result: PolicyResult): number {
  return Number(column.value(result).toFixed(column.digits));
}

function ratio(value: number, base: number): string {
  return base > 0 ? (value / base).toFixed(2) : "-";
}

function fixed(value: number, digits: number): string {
  return value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

function whole(value: number): string {
  return fixed(value, 0);
}
