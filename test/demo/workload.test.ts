import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { engineWorkMs } from "../../src/demo/engine-cost.ts";
import { planWorkload, requestsForLoad, warmUpWorkload, type WorkloadPlan } from "../../src/demo/workload.ts";
import type { TraceRequest } from "../../src/demo/trace-request.ts";
import type { Trace } from "../../src/demo/trace.ts";

const PLAN: WorkloadPlan = { load: 0.5, instances: 4, durationMs: 1000, timeScale: 10 };

function traceOf(count: number, over: Partial<TraceRequest> = {}): Trace {
  const requests = Array.from({ length: count }, (_, index) => ({
    atMs: index * 100,
    promptTokens: 500,
    outputTokens: 100,
    blockIds: null,
    ...over,
  }));
  return { name: "test", requests };
}

test("the work of the chosen requests is the load asked for, and arrivals fill the duration", () => {
  const workload = planWorkload(traceOf(2000), PLAN);
  const work = workload?.requests.reduce((sum, request) => sum + engineWorkMs(request, 0), 0) ?? 0;
  expect(work / (4 * 10_000)).toBeCloseTo(0.5, 1);
  expect(workload?.load).toBeCloseTo(work / (4 * 10_000));
  expect(workload?.requests[0]?.dueMs).toBe(0);
  expect(workload?.requests.at(-1)?.dueMs).toBe(1000);
});

test("rateScale says how much faster than recorded requests arrive in engine time", () => {
  const workload = planWorkload(traceOf(2000), PLAN);
  const spanMs = ((workload?.requests.length ?? 0) - 1) * 100;
  expect(workload?.rateScale).toBeCloseTo(spanMs / 10_000);
});

test("the stretch begins in the middle of a long trace and at the start of a short one", () => {
  expect(planWorkload(traceOf(2000), PLAN)?.requests[0]?.atMs).toBe(100_000);
  const needed = planWorkload(traceOf(2000), PLAN)?.requests.length ?? 0;
  expect(planWorkload(traceOf(needed + 1), PLAN)?.requests[0]?.atMs).toBe(0);
});

test("a trace without enough work, or without any time in it, gives none", () => {
  expect(planWorkload(traceOf(3), PLAN)).toBeNull();
  expect(planWorkload(traceOf(2000, { atMs: 0 }), PLAN)).toBeNull();
});

test("arrivals keep their order and their relative distances", () => {
  const gaps = fc.array(fc.integer({ min: 0, max: 1000 }), { minLength: 200, maxLength: 400 });
  fc.assert(
    fc.property(gaps, (list) => {
      let atMs = 0;
      const requests = list.map((gap) => ({
        atMs: (atMs += gap),
        promptTokens: 900,
        outputTokens: 300,
        blockIds: null,
      }));
      const workload = planWorkload({ name: "test", requests }, PLAN);
      if (workload === null) return;
      const first = workload.requests[0];
      for (const request of workload.requests) {
        const engineMs = (request.atMs - (first?.atMs ?? 0)) / workload.rateScale;
        expect(request.dueMs * PLAN.timeScale).toBeCloseTo(engineMs, 3);
      }
    }),
  );
});

describe("work", () => {
  test("counts prompt blocks that came before as cached", () => {
    const plain = planWorkload(traceOf(4000, { promptTokens: 5120 }), PLAN);
    const blockIds = Array.from({ length: 10 }, (_, index) => index);
    const cached = planWorkload(traceOf(4000, { promptTokens: 5120, blockIds }), PLAN);
    expect(cached?.requests.length ?? 0).toBeGreaterThan(2 * (plain?.requests.length ?? 0));
  });

  test("requestsForLoad estimates how many requests a load takes", () => {
    const trace = traceOf(2000);
    expect(Math.abs(requestsForLoad(trace, PLAN) - (planWorkload(trace, PLAN)?.requests.length ?? 0))).toBeLessThan(2);
  });
});

test("the warm-up is spread evenly, and its prompts are none of a replay's", () => {
  const { requests } = warmUpWorkload(4, 100);
  expect(requests.map((request) => request.dueMs)).toEqual([0, 25, 50, 75]);
  expect(requests.every((request) => request.id < 0)).toBe(true);
});
