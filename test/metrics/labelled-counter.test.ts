import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { METRICS } from "../../src/metrics/catalog.ts";
import { LabelledCounter } from "../../src/metrics/labelled-counter.ts";
import { seriesOf } from "../../src/metrics/metric-set.ts";

function counted(counter: LabelledCounter): Map<string, number> {
  const counters = new Map<string, number>();
  counter.addTo(counters);
  return counters;
}

describe("a counter with labels", () => {
  test("counts as one map of written-out names would", () => {
    const label = fc.constantFrom("", "a", "b", 'q"', "\\", "\n");
    fc.assert(
      fc.property(fc.array(fc.tuple(label, label, label)), (events) => {
        const counter = new LabelledCounter(METRICS.httpRequests);
        const expected = new Map<string, number>();
        for (const values of events) {
          counter.count(...values);
          const name = seriesOf(METRICS.httpRequests, values);
          expected.set(name, (expected.get(name) ?? 0) + 1);
        }
        expect(counted(counter)).toEqual(expected);
      }),
    );
  });

  test("forgets all series with a label value, and keeps the others", () => {
    const counter = new LabelledCounter(METRICS.upstreamFailures);
    counter.count("http://a:1", "cut");
    counter.count("http://a:10", "cut");
    counter.count("http://b:1", "connect");
    counter.forget(new Set(["http://a:1", "http://b:1"]));
    expect([...counted(counter).keys()]).toEqual([
      'fd_router_upstream_failures_total{instance="http://a:10",kind="cut"}',
    ]);
  });

  test("counts from one again after it forgot", () => {
    const counter = new LabelledCounter(METRICS.requestErrors);
    counter.count("no_instance");
    counter.forget(new Set(["no_instance"]));
    counter.count("no_instance");
    expect([...counted(counter).values()]).toEqual([1]);
  });
});
