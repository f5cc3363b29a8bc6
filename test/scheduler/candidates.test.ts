/** Who may get a request, and what is said when nobody may. */
import { expect, test } from "bun:test";
import type { Instance, InstanceId } from "../../src/fleet/instance.ts";
import type { Scheduler } from "../../src/scheduler/scheduler.ts";
import { assigned, byPolicy, COMPLETED, fleet, idOf, member, NONE, request, schedulerOf } from "./support.ts";

function schedulerOver(instances: readonly Partial<Instance>[]): Scheduler {
  const scheduler = schedulerOf(byPolicy("round_robin"));
  scheduler.update({ version: 1, members: instances.map((instance, number) => member(number, { instance })) }, 0);
  return scheduler;
}

function served(scheduler: Scheduler, model: string | null): Set<InstanceId> {
  return new Set(Array.from({ length: 12 }, () => assigned(scheduler, 0, { model }).instance.id));
}

test("a model goes to the instances that declare it and to those that declare none", () => {
  const scheduler = schedulerOver([{ model: "a" }, { model: "b" }, { model: null }]);
  expect(served(scheduler, "a")).toEqual(new Set([idOf(0), idOf(2)]));
  expect(served(scheduler, "b")).toEqual(new Set([idOf(1), idOf(2)]));
  expect(served(scheduler, "c")).toEqual(new Set([idOf(2)]));
});

test("no model, and the model named default, go to any instance", () => {
  const scheduler = schedulerOver([{ model: "a" }, { model: "b" }, { model: null }]);
  for (const model of [null, "default"]) expect(served(scheduler, model).size).toBe(3);
});

test("a model is unknown only where every instance declares another", () => {
  const scheduler = schedulerOver([{ model: "a" }, { model: "b" }]);
  expect(scheduler.assign(request({ model: "c" }), NONE, 0)).toEqual({
    ok: false,
    refusal: { kind: "unknown-model", model: "c" },
  });
  const undeclared = schedulerOver([{ model: null }]);
  expect(undeclared.assign(request({ model: "c" }), NONE, 0).ok).toBe(true);
});

test("a model whose instances are all draining is not unknown", () => {
  const scheduler = schedulerOf();
  const members = [member(0, { instance: { model: "a" }, state: "draining" }), member(1, { instance: { model: "b" } })];
  scheduler.update({ version: 1, members }, 0);
  expect(scheduler.assign(request({ model: "a" }), NONE, 0)).toMatchObject({ refusal: { kind: "no-instance" } });
});

test("roles are kept apart", () => {
  const scheduler = schedulerOver([{ role: "prefill" }, { role: "decode" }]);
  expect(assigned(scheduler, 0, { role: "prefill" }).instance.id).toBe(idOf(0));
  expect(assigned(scheduler, 0, { role: "decode" }).instance.id).toBe(idOf(1));
  expect(scheduler.assign(request(), NONE, 0)).toEqual({ ok: false, refusal: { kind: "no-instance" } });
});

test("a request that failed everywhere is exhausted; one that could go where it is full is saturated", () => {
  const scheduler = schedulerOver([{}, { maxInFlight: 1 }]);
  const both = new Set([idOf(0), idOf(1)]);
  expect(scheduler.assign(request(), both, 0)).toEqual({ ok: false, refusal: { kind: "exhausted" } });
  const only = scheduler.assign(request(), new Set([idOf(0)]), 0);
  if (!only.ok) throw new Error("refused");
  expect(scheduler.assign(request(), new Set([idOf(0)]), 0)).toEqual({ ok: false, refusal: { kind: "saturated" } });
  only.assignment.settle(COMPLETED, 0);
  expect(scheduler.assign(request(), new Set([idOf(0)]), 0).ok).toBe(true);
});

test("the limit of an instance counts the other dispatchers' requests", () => {
  const scheduler = schedulerOver([{ maxInFlight: 3 }]);
  const loads = [{ id: idOf(0), inFlight: 2, pendingPrefillTokens: 0, promptTokens: 0 }];
  scheduler.receive({ dispatcher: "other", sequence: 1, full: true, loads }, 0);
  assigned(scheduler, 0);
  expect(scheduler.assign(request(), NONE, 0)).toEqual({ ok: false, refusal: { kind: "saturated" } });
  scheduler.withdraw("other");
  expect(scheduler.assign(request(), NONE, 0).ok).toBe(true);
});

test("one instance, and none, after the other (V09)", () => {
  const scheduler = schedulerOf();
  scheduler.update(fleet(1, 1), 0);
  expect(assigned(scheduler, 0).instance.id).toBe(idOf(0));
  scheduler.update(fleet(0, 2), 1);
  expect(scheduler.assign(request(), NONE, 1)).toEqual({ ok: false, refusal: { kind: "no-instance" } });
  scheduler.update(fleet(1, 3), 2);
  expect(scheduler.assign(request(), NONE, 2).ok).toBe(true);
});

test("the assignment carries the instance as it is in the newest snapshot", () => {
  const scheduler = schedulerOver([{ tpSize: 1 }]);
  scheduler.update({ version: 2, members: [member(0, { instance: { tpSize: 8 } })] }, 1);
  expect(assigned(scheduler, 1).instance.tpSize).toBe(8);
});
