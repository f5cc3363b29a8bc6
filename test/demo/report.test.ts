import { describe, expect, test } from "bun:test";
import { Recorder } from "../../src/demo/recorder.ts";
import { maxOverMean, policyResult, reportJson, totalErrors, type DemoReport } from "../../src/demo/report.ts";
import { reportText } from "../../src/demo/report-text.ts";

/** Answers `count` requests on each instance, each after the given wall time. */
function record(policy: string, answers: Readonly<Record<string, readonly number[]>>, failures = 0, lagMs = 0) {
  const recorder = new Recorder(10, ["a", "b"]);
  recorder.begin(0);
  for (const [instance, times] of Object.entries(answers)) {
    for (const [index, ms] of times.entries()) {
      const request = recorder.start(index * 10, index * 10 + lagMs);
      request.answeredBy(instance);
      request.firstToken(index * 10 + ms);
      request.tokens(ms, 4);
      request.end(index * 10 + 2 * ms, null);
    }
  }
  for (let i = 0; i < failures; i++) recorder.start(0, 0).end(1, "status 503");
  return policyResult(policy, recorder);
}

function reportOf(...policies: DemoReport["policies"]): DemoReport {
  const settings = { instances: 2, workers: 2, load: 0.75, rateScale: 3.4, timeScale: 10, seed: 1 };
  return { trace: "azure2023_conv.csv", ...settings, policies };
}

describe("figures", () => {
  test("share counts requests, load is time in flight over time passed, in engine time", () => {
    const result = record("p2c", { a: [5, 5, 5], b: [15] });
    expect(result.instances.map((instance) => instance.share)).toEqual([0.75, 0.25]);
    // 300 and 300 engine ms of work in 300 engine ms.
    expect(result.instances.map((instance) => instance.meanInFlight)).toEqual([1, 1]);
    expect(result.maxOverMean).toBe(1);
    expect(result.ttftMs.p50).toBeCloseTo(50, 0);
    expect(result.ttftMs.p99).toBeCloseTo(150, 0);
  });

  test("an instance that got nothing counts in the mean", () => {
    expect(record("p2c", { a: [5] }).maxOverMean).toBe(2);
    expect(record("p2c", { a: [5] }).instances[1]).toMatchObject({ name: "b", requests: 0, share: 0, meanInFlight: 0 });
  });

  test("answers by an instance that the fleet did not name are shown under their own name", () => {
    expect(record("p2c", { other: [5] }).instances.map((instance) => instance.name)).toEqual(["a", "b", "other"]);
  });

  test("max over mean is 1 in balance and 0 without load", () => {
    expect(maxOverMean([3, 3, 3])).toBe(1);
    expect(maxOverMean([6, 2, 1])).toBe(2);
    expect(maxOverMean([0, 0])).toBe(0);
  });
});

describe("--json", () => {
  test("is an object of requests, errors and the figures of each policy", () => {
    const json = reportJson(reportOf(record("p2c", { a: [5, 5], b: [5, 5] }), record("random", { a: [9] }, 2)));
    expect(json).toMatchObject({ requests: 7, errors: 2, instances: 2, time_scale: 10 });
    expect(json["policies"]).toEqual({
      p2c: {
        requests: 4,
        errors: 0,
        failures: {},
        ttft_ms: { p50: expect.closeTo(50, 0), p90: expect.closeTo(50, 0), p99: expect.closeTo(50, 0) },
        itl_ms: { p50: expect.closeTo(12.5, 1), p90: expect.closeTo(12.5, 1), p99: expect.closeTo(12.5, 1) },
        tokens_per_second: 100,
        send_lag_p99_ms: 0,
        max_over_mean: 1,
        instances: [
          { name: "a", requests: 2, share: 0.5, mean_in_flight: 1 },
          { name: "b", requests: 2, share: 0.5, mean_in_flight: 1 },
        ],
      },
      random: expect.objectContaining({ requests: 3, errors: 2, failures: { "status 503": 2 } }),
    });
    expect(JSON.parse(JSON.stringify(json))).toEqual(json);
  });

  test("has numbers also when nothing was answered", () => {
    const text = JSON.stringify(reportJson(reportOf(record("p2c", {}, 1))));
    expect(text).not.toContain("null");
    expect(text).toContain('"ttft_ms":{"p50":0,"p90":0,"p99":0}');
  });
});

describe("the report for people", () => {
  const better = record("p2c", { a: [5, 5], b: [5, 5] });
  const worse = record("random", { a: [10, 10, 10], b: [7] });

  test("stands in columns no wider than 80, with the best of each marked", () => {
    const text = reportText(reportOf(better, worse));
    expect(text).toMatchSnapshot();
    for (const line of text.split("\n").slice(3, 12)) expect(line.length).toBeLessThanOrEqual(80);
  });

  test("equal figures are both marked", () => {
    const rows = reportText(reportOf(better, record("random", { a: [5, 5], b: [5, 5] }))).split("\n");
    const marks = (name: string) => rows.find((row) => row.startsWith(name))?.match(/\*/g)?.length;
    expect([marks("p2c"), marks("random")]).toEqual([7, 7]);
  });

  test("one policy alone has no marks and no comparison", () => {
    const text = reportText(reportOf(better));
    expect(text).not.toMatch(/\d\*/);
    expect(text).not.toContain("x of");
  });

  test("compares the first policy's p99 with the others'", () => {
    expect(reportText(reportOf(better, worse))).toContain("p2c: p99 time to first token 0.50x of random");
  });

  test("owns up when the machine could not keep up", () => {
    expect(reportText(reportOf(better))).not.toContain("busy");
    const late = reportText(reportOf(better, record("random", { a: [5] }, 0, 300)));
    expect(late).toContain("this machine was busy: requests left up to 300 ms late");
  });

  test("lists why requests failed", () => {
    const report = reportOf(record("p2c", { a: [5] }, 3));
    expect(totalErrors(report)).toBe(3);
    expect(reportText(report)).toContain("3 requests failed:\n  p2c          3 x status 503");
    const told = reportOf({ ...record("p2c", {}, 1), notes: ["the router runs; it wrote:\nno instance"] });
    expect(reportText(told)).toContain("status 503\nthe router runs; it wrote:\nno instance");
  });
});
