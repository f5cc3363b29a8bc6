import { describe, expect, test } from "bun:test";
import { GOALS, type Goal } from "../../bench/goals.ts";
import { barChart } from "../../bench/report/bar-chart.ts";
import { charts } from "../../bench/report/charts.ts";
import { goalTable, markdown } from "../../bench/report/markdown.ts";
import { costTable, replaceMarked } from "../../bench/report/publish.ts";
import { judge, type Results, spreadOf } from "../../bench/results.ts";
import { SUITES } from "../../bench/suites/index.ts";

function results(suites: Results["suites"]): Results {
  return {
    date: "2026-11-25T03:00:00",
    machine: {
      cpu: "a CPU",
      cores: 2,
      kernel: "6",
      memoryGb: 24,
      bun: "1.4.5",
      programs: { nginx: "1.22.1" },
      commit: "abc",
      loadAverage: 0.1,
    },
    rounds: 3,
    runSeconds: 1,
    suites,
    skipped: [],
  };
}

const cpu = (...values: number[]): { cpuUs: number }[] => values.map((cpuUs) => ({ cpuUs }));

const RATIO: Goal = {
  text: "CPU",
  suite: "small",
  metric: "cpuUs",
  subject: "fd-router",
  against: { kind: "ratio", arms: ["nginx", "haproxy"] },
  unit: "×",
  must: 2.5,
  aim: 1.5,
};

describe("a goal", () => {
  test("is held against the better arm of the same round, and the median of the rounds counts", () => {
    const measured = results({
      small: { nginx: cpu(10, 20, 10), haproxy: cpu(20, 10, 20), "fd-router": cpu(20, 30, 14) },
    });
    expect(judge(measured, RATIO)).toMatchObject({ value: 2, grade: "must" });
  });

  test.each([
    [14, "aim"],
    [25, "must"],
    [26, "missed"],
  ] as const)("with %d µs where nginx has 10 is graded %s", (own, grade) => {
    expect(judge(results({ small: { nginx: cpu(10), "fd-router": cpu(own) } }), RATIO).grade).toBe(grade);
  });

  test("that asks for more is missed below its limit", () => {
    const goal: Goal = { ...RATIO, atLeast: true, must: 3, aim: 5 };
    const grade = (own: number): string =>
      judge(results({ small: { nginx: cpu(10), "fd-router": cpu(own) } }), goal).grade;
    expect([29, 30, 50].map(grade)).toEqual(["missed", "must", "aim"]);
  });

  test("is not missed when nothing was measured, nor when the other arms are not there", () => {
    expect(judge(results({}), RATIO).grade).toBe("not measured");
    expect(judge(results({ small: { "fd-router": cpu(1) } }), RATIO).grade).toBe("not measured");
  });

  test("on what is added takes the arm's own figure away", () => {
    const added = { ...RATIO, against: { kind: "added", arm: "direct" }, must: 5, aim: 3 } as const;
    const measured = results({ small: { direct: cpu(10, 20, 30), "fd-router": cpu(14, 23, 36) } });
    expect(judge(measured, added)).toMatchObject({ value: 4, grade: "must" });
  });

  test.each(GOALS.map((each) => [each.text, each] as const))("%s names a figure that a suite measures", (_, goal) => {
    const suite = SUITES.find(({ name }) => name === goal.suite);
    expect(suite?.metrics.map(({ key }) => key)).toContain(goal.metric);
    const [lower, higher] = goal.atLeast === true ? [goal.must, goal.aim] : [goal.aim, goal.must];
    expect(lower).toBeLessThanOrEqual(higher);
  });
});

test("the median of an even number of rounds lies between the middle two", () => {
  const measured = results({ small: { nginx: cpu(4, 1, 3, 2) } });
  expect(spreadOf(measured, "small", "nginx", "cpuUs")).toEqual({ median: 2.5, least: 1, most: 4 });
});

describe("a report", () => {
  const measured = results({ small: { nginx: cpu(10, 11, 12), "fd-router": cpu(20, 21, 22) } });

  test("has all goals, and a table with ratios and a chart for each suite that ran", () => {
    const text = markdown(measured, SUITES, "charts");
    for (const { text: goal } of GOALS) expect(text).toContain(goal);
    expect(text).toContain("| fd-router | 21.0 | 1.91 × |");
    expect(text).toContain("charts/small.svg");
    expect(text).not.toContain("charts/2k.svg");
  });

  test("does not call a goal met that was not measured", () => {
    expect(goalTable(results({})).match(/not measured/g)).toHaveLength(GOALS.length);
  });

  test("draws the charts that it shows", () => {
    expect([...charts(measured, SUITES).keys()]).toEqual(["small.svg", "overview.svg"]);
  });
});

test("a chart shows title, unit and each value, and keeps markup out of its labels", () => {
  const bar = { label: "a<b", value: 1.25, least: 1, most: 2, strong: true };
  const svg = barChart({ title: "T", subtitle: "S", unit: "µs", digits: 1, groups: [{ title: "G", bars: [bar] }] });
  for (const text of ["T", "S", "G", "1.3 µs", "a&lt;b"]) expect(svg).toContain(`>${text}</text>`);
});

describe("publishing", () => {
  test("replaces what stands between the markers, and nothing else", () => {
    const once = replaceMarked("a\n<!-- m -->\nb", "m", "1");
    expect(once).toBe("a\n<!-- m -->\n1\n<!-- /m -->\nb");
    expect(replaceMarked(once, "m", "2")).toBe("a\n<!-- m -->\n2\n<!-- /m -->\nb");
    expect(() => replaceMarked("a", "m", "1")).toThrow("no marker");
  });

  test("shows the cost of each program side by side", () => {
    const measured = results({ small: { nginx: cpu(10), haproxy: cpu(11), "fd-router": cpu(21) } });
    const table = costTable(measured, SUITES);
    expect(table).toContain("| Small request, 200 B answer | 10.0 | 11.0 | 21.0 |");
    const columns = table.split("\n").map((row) => row.split("|").length);
    expect(new Set(columns).size).toBe(1);
  });
});
