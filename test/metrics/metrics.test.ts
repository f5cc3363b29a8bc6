import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { METRICS } from "../../src/metrics/catalog.ts";
import { exposition } from "../../src/metrics/exposition.ts";
import { addHistograms, Histogram } from "../../src/metrics/histogram.ts";
import { addMetrics, hasLabelValue, NO_METRICS, seriesOf, type MetricData } from "../../src/metrics/metric-set.ts";

describe("Histogram", () => {
  test("a value on a bound belongs to the bucket below", () => {
    const histogram = new Histogram([1, 2, 5]);
    for (const value of [0, 1, 1.5, 2, 5, 5.1, Infinity]) histogram.record(value);
    expect(histogram.data().counts).toEqual([2, 2, 1, 2]);
  });

  test("buckets are those of a linear search, and two sets add up to one", () => {
    const values = fc.array(fc.double({ min: 0, max: 1000, noNaN: true }));
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat(900), { minLength: 1 }), values, values, (bounds, first, second) => {
        const sorted = bounds.toSorted((a, b) => a - b);
        const fill = (recorded: readonly number[]): Histogram => {
          const histogram = new Histogram(sorted);
          for (const value of recorded) histogram.record(value);
          return histogram;
        };
        const counts = sorted.map(
          (bound, i) =>
            [...first, ...second].filter((value) => value <= bound && (i === 0 || value > (sorted[i - 1] ?? 0))).length,
        );
        const sum = addHistograms(fill(first).data(), fill(second).data());
        expect(sum.counts.slice(0, -1)).toEqual(counts);
        expect(sum.counts.reduce((a, b) => a + b, 0)).toBe(first.length + second.length);
      }),
      { seed: 11 },
    );
  });
});

interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Reads the text format back, strictly. */
function parse(text: string): readonly Sample[] {
  expect(text.endsWith("\n")).toBe(true);
  return text
    .trimEnd()
    .split("\n")
    .flatMap((line) => {
      if (/^# (HELP|TYPE) [a-z_]+ .+$/.test(line)) return [];
      const match = /^([a-z_]+)(?:\{(.*)\})? (\S+)$/.exec(line);
      if (match === null) throw new Error(`not in the text format: ${line}`);
      const labels = [...(match[2] ?? "").matchAll(/([a-z_]+)="((?:[^"\\]|\\["\\n])*)"(?:,|$)/g)];
      if (labels.map(([all]) => all).join("") !== (match[2] ?? ""))
        throw new Error(`labels not in the text format: ${line}`);
      const unescape = (value: string): string =>
        value.replaceAll(/\\(.)/g, (_, each: string) => (each === "n" ? "\n" : each));
      return [
        {
          name: match[1] ?? "",
          labels: Object.fromEntries(labels.map(([, name, value]) => [name ?? "", unescape(value ?? "")])),
          value: Number(match[3]),
        },
      ];
    });
}

describe("exposition", () => {
  test("a summary shows the quantiles of what was recorded, within its buckets' width, and sum and count", () => {
    const histogram = new Histogram(METRICS.httpDuration.bounds);
    for (let i = 1; i <= 1000; i++) histogram.record(i / 1000);
    const series = 'http_request_duration_seconds{endpoint="/register",method="POST"}';
    const text = exposition({ counters: new Map(), histograms: new Map([[series, histogram.data()]]) });
    const shown = (name: string): number => Number(new RegExp(`^${name} (\\S+)$`, "m").exec(text)?.[1]);
    const labels = 'endpoint="/register",method="POST"';
    expect(text).toContain("# TYPE http_request_duration_seconds summary\n");
    expect(shown(`http_request_duration_seconds\\{${labels},quantile="0.95"\\}`)).toBeCloseTo(0.95, 1);
    expect(shown(`http_request_duration_seconds\\{${labels},quantile="0.99"\\}`)).toBeCloseTo(0.99, 1);
    expect(shown(`http_request_duration_seconds_count\\{${labels}\\}`)).toBe(1000);
    expect(shown(`http_request_duration_seconds_sum\\{${labels}\\}`)).toBeCloseTo(500.5, 6);
  });

  test("any label value reads back as it was", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom("\\", '"', "\n", "n", "é", "😀", "}", "{", ",", "=", " ", "\0") }),
        fc.nat(),
        (value, count) => {
          const series = seriesOf(METRICS.requestErrors, [value]);
          // Only the family in question: the others are the same each time.
          const text = exposition({ ...NO_METRICS, counters: new Map([[series, count]]) });
          const line = text.split("\n").find((each) => each.startsWith("fd_router_request_errors_total{")) ?? "";
          expect(parse(`${line}\n`)).toEqual([
            { name: "fd_router_request_errors_total", labels: { reason: value }, value: count },
          ]);
        },
      ),
      { seed: 12, numRuns: 50 },
    );
  });

  test("a histogram is cumulative and ends with +Inf equal to its count", () => {
    const histogram = new Histogram(METRICS.interToken.bounds);
    for (const value of [0.001, 0.01, 0.01, 99]) histogram.record(value);
    const samples = parse(
      exposition({ counters: new Map(), histograms: new Map([[METRICS.interToken.name, histogram.data()]]) }),
    );
    const buckets = samples
      .filter(({ name }) => name === "fd_router_inter_token_seconds_bucket")
      .map(({ value }) => value);
    expect(buckets).toEqual(buckets.toSorted((a, b) => a - b));
    expect([buckets.at(0), buckets.at(-1)]).toEqual([1, 4]);
    expect(samples.find(({ name }) => name === "fd_router_inter_token_seconds_count")?.value).toBe(4);
  });

  test("families are sorted, each described once; counters without labels are there from the start", () => {
    const text = exposition(NO_METRICS);
    const families = [...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name);
    expect(families).toEqual(families.toSorted((a = "", b = "") => (a < b ? -1 : 1)));
    expect(new Set(families).size).toBe(families.length);
    expect(parse(text)).toContainEqual({ name: "fd_router_retries_total", labels: {}, value: 0 });
  });

  test("O07 512 instances are written quickly", () => {
    const counters = new Map<string, number>();
    for (let i = 0; i < 512; i++) {
      for (const metric of [METRICS.inFlight, METRICS.load])
        counters.set(seriesOf(metric, [`http://10.0.0.1:${i}`]), i);
      for (const kind of ["connect", "cut"])
        counters.set(seriesOf(METRICS.upstreamFailures, [`http://10.0.0.1:${i}`, kind]), i);
    }
    const data: MetricData = { ...NO_METRICS, counters };
    exposition(data);
    // CPU time: others may use the machine meanwhile.
    const best = Math.min(
      ...Array.from({ length: 5 }, () => {
        const before = process.cpuUsage();
        exposition(data);
        const { user, system } = process.cpuUsage(before);
        return (user + system) / 1000;
      }),
    );
    expect(best).toBeLessThan(10);
  });
});

describe("sets of several threads", () => {
  test("add up, series by series, and leave their parts alone", () => {
    const a: MetricData = {
      counters: new Map([
        ["x", 1],
        ["y", 2],
      ]),
      histograms: new Map([["h", { counts: [1, 0], sum: 1 }]]),
    };
    const b: MetricData = {
      counters: new Map([
        ["y", 3],
        ["z", 4],
      ]),
      histograms: new Map([
        ["h", { counts: [0, 2], sum: 5 }],
        ["g", { counts: [1], sum: 1 }],
      ]),
    };
    const sum = addMetrics(a, b);
    expect([...sum.counters]).toEqual([
      ["x", 1],
      ["y", 5],
      ["z", 4],
    ]);
    expect(sum.histograms.get("h")).toEqual({ counts: [1, 2], sum: 6 });
    expect([a.counters.get("y"), sum.histograms.get("g")]).toEqual([2, { counts: [1], sum: 1 }]);
  });

  test("a series is known by any of its label values", () => {
    const series = seriesOf(METRICS.inferenceRequests, ["http://d:1", "", "http://p:1", "200"]);
    expect(hasLabelValue(series, new Set(["http://p:1"]))).toBe(true);
    expect(hasLabelValue(series, new Set(["http://p:10", "http://p"]))).toBe(false);
  });
});
