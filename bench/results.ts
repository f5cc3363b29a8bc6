/** What a run measured: all figures of all rounds, as written to bench/results/<date>.json; and the medians that are read from it. */
import type { Goal } from "./goals.ts";
import type { Values } from "./suites/suite.ts";

export interface Results {
  readonly date: string;
  readonly machine: Machine;
  readonly rounds: number;
  readonly runSeconds: number;
  /** By suite, then by subject: one entry a round. */
  readonly suites: Readonly<Record<string, Readonly<Record<string, readonly Values[]>>>>;
  readonly skipped: readonly string[];
}

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly kernel: string;
  readonly memoryGb: number;
  readonly bun: string;
  readonly programs: Readonly<Record<string, string>>;
  readonly commit: string;
  /** Other processes that ran, on the average of a minute, when the run began. */
  readonly loadAverage: number;
}

export interface Spread {
  readonly median: number;
  readonly least: number;
  readonly most: number;
}

/** Null when it was not measured. */
export function spreadOf(results: Results, suite: string, subject: string, metric: string): Spread | null {
  return spread(figures(results, suite, subject, metric));
}

export interface Verdict {
  readonly goal: Goal;
  /** Null: not measured in this run. */
  readonly value: number | null;
  readonly grade: "aim" | "must" | "missed" | "not measured";
}

export function judge(results: Results, goal: Goal): Verdict {
  const own = figures(results, goal.suite, goal.subject, goal.metric);
  const { against } = goal;
  const arms = against.kind === "ratio" ? against.arms : against.kind === "added" ? [against.arm] : [];
  const others = arms.map((arm) => figures(results, goal.suite, arm, goal.metric)).filter((each) => each.length > 0);
  if (own.length === 0 || (arms.length > 0 && others.length === 0)) return { goal, value: null, grade: "not measured" };
  // Figures of one round stand against each other: what disturbed the machine disturbed them alike.
  const perRound = own.map((figure, round) => {
    const other = Math.min(...others.map((each) => each[round] ?? Number.NaN));
    if (against.kind === "ratio") return figure / other;
    return against.kind === "added" ? figure - other : figure;
  });
  const value = spread(perRound)?.median ?? null;
  if (value === null) return { goal, value, grade: "not measured" };
  const reaches = (bound: number): boolean => (goal.atLeast === true ? value >= bound : value <= bound);
  return { goal, value, grade: reaches(goal.aim) ? "aim" : reaches(goal.must) ? "must" : "missed" };
}

function figures(results: Results, suite: string, subject: string, metric: string): readonly number[] {
  const rounds = results.suites[suite]?.[subject] ?? [];
  return rounds.map((values) => values[metric] ?? Number.NaN);
}

function spread(values: readonly number[]): Spread | null {
  const sorted = values.filter(Number.isFinite).toSorted((a, b) => a - b);
  const [least] = sorted;
  const most = sorted.at(-1);
  if (least === undefined || most === undefined) return null;
  const middle = (sorted.length - 1) / 2;
  const median = ((sorted[Math.floor(middle)] ?? least) + (sorted[Math.ceil(middle)] ?? most)) / 2;
  return { median, least, most };
}
