/** The load signal: what is in it, for how long, and what never is. */
import { describe, expect, test } from "bun:test";
import type { LoadReport } from "../../src/fleet/snapshot.ts";
import type { Scheduler } from "../../src/scheduler/scheduler.ts";
import { assigned, byPolicy, COMPLETED, countOf, FAILED, fleet, idOf, loadOf, member, schedulerOf } from "./support.ts";

function schedulerOver(members: readonly ReturnType<typeof member>[], seed = 1): Scheduler {
  const scheduler = schedulerOf({}, seed);
  scheduler.update({ version: 1, members }, 0);
  return scheduler;
}

test("a request weighs one, and one more per 512 prompt tokens until its first token", () => {
  const scheduler = schedulerOver([member(0)]);
  const assignment = assigned(scheduler, 0, { promptTokens: 1024 });
  expect(loadOf(scheduler, 0, 0)).toBe(3);
  expect(loadOf(scheduler, 0, 60_000)).toBe(3);
  assignment.firstToken(100);
  assignment.firstToken(101);
  expect(loadOf(scheduler, 0, 101)).toBe(1);
});

test("load is divided by the weight", () => {
  const scheduler = schedulerOver([member(0, { instance: { weight: 4 } })]);
  assigned(scheduler, 0, { promptTokens: 512 });
  expect(loadOf(scheduler, 0, 0)).toBe(0.5);
});

test("a request that is not streamed stops pending after the learnt prefill time of all that pends before it", () => {
  const scheduler = schedulerOver([member(0)]);
  // 8 tokens per millisecond until something is learnt.
  const first = assigned(scheduler, 0, { promptTokens: 800, stream: false });
  assigned(scheduler, 0, { promptTokens: 800, stream: false });
  expect(loadOf(scheduler, 0, 99)).toBe(2 + 1600 / 512);
  expect(loadOf(scheduler, 0, 100)).toBe(2 + 800 / 512);
  expect(loadOf(scheduler, 0, 200)).toBe(2);
  first.settle(COMPLETED, 300);
  expect(loadOf(scheduler, 0, 300)).toBe(1);
});

test("the prefill rate is learnt from the first of streamed tokens, and from nothing else", () => {
  const scheduler = schedulerOver([member(0)]);
  for (let i = 0; i < 300; i++) {
    const assignment = assigned(scheduler, i * 1000, { promptTokens: 2000 });
    assignment.firstToken(i * 1000 + 1000);
    assignment.firstToken(i * 1000 + 900_000);
    const whole = assigned(scheduler, i * 1000, { stream: false });
    whole.firstToken(i * 1000 + 900_000);
    whole.settle(COMPLETED, i * 1000);
    assignment.settle(COMPLETED, i * 1000 + 1000);
  }
  const now = 400_000;
  assigned(scheduler, now, { promptTokens: 1000, stream: false });
  expect(loadOf(scheduler, 0, now + 480)).toBeGreaterThan(1);
  expect(loadOf(scheduler, 0, now + 520)).toBe(1);
});

test.each([
  ["twice the estimate", 200, 0, 2],
  ["a hundred times the estimate, which is believed up to 4", 10_000, 0, 4],
  ["nearly nothing, which is believed down to a quarter", 1, 0, 0.25],
  ["half of it cached", 100, 50, 0.5],
])("prompt tokens are corrected by what answers say: %s", (_, promptTokens, cachedTokens, factor) => {
  const scheduler = schedulerOver([member(0, { instance: { model: "m" } })]);
  const usage = { promptTokens, cachedTokens, completionTokens: 1 };
  for (let i = 0; i < 500; i++) assigned(scheduler, 0).settle({ kind: "completed", usage }, 0);
  assigned(scheduler, 0, { promptTokens: 5120 });
  expect(loadOf(scheduler, 0, 0)).toBeCloseTo(1 + 10 * factor, 1);
});

test("what one model's answers teach changes nothing for another model", () => {
  const scheduler = schedulerOver([member(0, { instance: { model: "a" } }), member(1, { instance: { model: "b" } })]);
  const usage = { promptTokens: 400, cachedTokens: 0, completionTokens: 1 };
  for (let i = 0; i < 100; i++) assigned(scheduler, 0, { model: "a" }).settle({ kind: "completed", usage }, 0);
  assigned(scheduler, 0, { model: "b", promptTokens: 512 });
  expect(loadOf(scheduler, 1, 0)).toBe(2);
});

test("a failure adds 32, which fades linearly within 60 seconds; failures add up", () => {
  const scheduler = schedulerOver([member(0)]);
  assigned(scheduler, 0).settle(FAILED, 0);
  expect(loadOf(scheduler, 0, 0)).toBe(32);
  expect(loadOf(scheduler, 0, 30_000)).toBe(16);
  assigned(scheduler, 30_000).settle(FAILED, 30_000);
  expect(loadOf(scheduler, 0, 30_000)).toBe(48);
  expect(loadOf(scheduler, 0, 60_000)).toBe(24);
  expect(loadOf(scheduler, 0, 90_000)).toBe(0);
});

test("what a client broke, declined or left adds nothing", () => {
  const scheduler = schedulerOver([member(0)]);
  assigned(scheduler, 0).settle({ kind: "declined", status: 400 }, 0);
  assigned(scheduler, 0).settle({ kind: "abandoned" }, 0);
  assigned(scheduler, 0).settle(COMPLETED, 0);
  expect(loadOf(scheduler, 0, 0)).toBe(0);
});

test("a new instance counts as loaded as the mean at first, and less so until it is 20 seconds old", () => {
  const scheduler = schedulerOver([member(0), member(1), member(2)]);
  for (let i = 0; i < 30; i++) assigned(scheduler, 0, { promptTokens: 0 });
  scheduler.update({ version: 2, members: [member(0), member(1), member(2), member(3, { readyAgeMs: 0 })] }, 0);
  expect(loadOf(scheduler, 3, 0)).toBe(30 / 4);
  expect(loadOf(scheduler, 3, 10_000)).toBe(30 / 8);
  expect(loadOf(scheduler, 3, 20_000)).toBe(0);
});

test("nobody warms up where most of the fleet is new", () => {
  const scheduler = schedulerOver([member(0), member(1, { readyAgeMs: 5 }), member(2, { readyAgeMs: 5 })]);
  for (let i = 0; i < 30; i++) assigned(scheduler, 0, { promptTokens: 0 });
  scheduler.takeDigest(0, false);
  expect([0, 1, 2].map((number) => loadOf(scheduler, number, 0))).toEqual([10, 10, 10]);
});

test("requests that no router sent count, by a fresh report, and fade when reports stop", () => {
  const scheduler = schedulerOver([member(0)]);
  for (let i = 0; i < 4; i++) assigned(scheduler, 0, { promptTokens: 0 });
  scheduler.update({ version: 2, members: [member(0, { report: report({ running: 10, waiting: 4 }) })] }, 1000);
  expect(loadOf(scheduler, 0, 1000)).toBe(4 + 10);
  scheduler.update({ version: 3, members: [member(0)] }, 16_000);
  expect(loadOf(scheduler, 0, 16_000)).toBe(4 + 5);
  expect(loadOf(scheduler, 0, 31_000)).toBe(4);
});

test("a report that counts requests which have ended since does not show foreign ones", () => {
  const scheduler = schedulerOver([member(0)]);
  const open = Array.from({ length: 8 }, () => assigned(scheduler, 0, { promptTokens: 0 }));
  for (const assignment of open) assignment.settle(COMPLETED, 900);
  scheduler.update({ version: 2, members: [member(0, { report: report({ running: 8, ageMs: 500 }) })] }, 1000);
  expect(loadOf(scheduler, 0, 1000)).toBe(0);
});

test("no report, an idle one and a stale one change nothing in the load of a busy instance", () => {
  for (const given of [null, report({}), report({ running: 90, ageMs: 10_001 })]) {
    const scheduler = schedulerOver([member(0)]);
    for (let i = 0; i < 4; i++) assigned(scheduler, 0, { promptTokens: 0 });
    scheduler.update({ version: 2, members: [member(0, { report: given })] }, 1000);
    expect(loadOf(scheduler, 0, 1000)).toBe(4);
  }
});

test("the same report in the next snapshot is not taken for a new one", () => {
  const scheduler = schedulerOver([member(0)]);
  scheduler.update({ version: 2, members: [member(0, { report: report({ running: 9 }) })] }, 1000);
  const later = report({ running: 9, ageMs: 6000 });
  scheduler.update({ version: 3, members: [member(0, { report: later })] }, 7000);
  expect(loadOf(scheduler, 0, 7000)).toBeCloseTo(9 * 0.8, 6);
});

test("an engine whose cache is full and that queues is avoided while another can take the request, and until its report is stale", () => {
  const gated = member(0, { report: report({ kvUsage: 0.96, waiting: 1 }) });
  const other = member(1, { instance: { maxInFlight: 1 } });
  const scheduler = schedulerOf();
  scheduler.update({ version: 1, members: [gated, other] }, 0);
  const first = assigned(scheduler, 0);
  expect(first.instance.id).toBe(idOf(1));
  expect(assigned(scheduler, 0).instance.id).toBe(idOf(0));
  first.settle(COMPLETED, 0);
  assigned(scheduler, 0).settle({ kind: "abandoned" }, 0);
  const late = Array.from({ length: 20 }, () => {
    const assignment = assigned(scheduler, 10_000);
    assignment.settle(COMPLETED, 10_000);
    return assignment.instance.id;
  });
  expect(late).toContain(idOf(1));
});

test.each([
  ["a full cache without a queue", { kvUsage: 0.99, waiting: 0 }],
  ["a queue with room in the cache", { kvUsage: 0.5, waiting: 3 }],
])("%s does not keep requests away", (_, figures) => {
  const scheduler = schedulerOf(byPolicy("request_num"));
  scheduler.update({ version: 1, members: [member(0, { report: report(figures) }), member(1)] }, 0);
  expect(assigned(scheduler, 0).instance.id).toBe(idOf(0));
});

test("a gate opens by itself when its report has grown stale", () => {
  const scheduler = schedulerOf(byPolicy("request_num"));
  const gated = member(0, { report: report({ kvUsage: 0.99, waiting: 3 }) });
  scheduler.update({ version: 1, members: [gated, member(1)] }, 0);
  expect(assigned(scheduler, 9_999).instance.id).toBe(idOf(1));
  expect(assigned(scheduler, 10_000).instance.id).toBe(idOf(0));
});

test("figures that come between two snapshots count like those of a snapshot, and leave all else as it is", () => {
  const scheduler = schedulerOf(byPolicy("request_num"));
  scheduler.update({ version: 1, members: [member(0), member(1)] }, 0);
  scheduler.report({ version: 2, reports: [[idOf(0), report({ kvUsage: 0.99, waiting: 3 })]] }, 5000);
  expect(assigned(scheduler, 5000).instance.id).toBe(idOf(1));
  expect(loadOf(scheduler, 0, 5000)).toBe(3);
  expect(countOf(scheduler, 0)).toBe(0);
  // The gate opens when they are stale.
  expect(assigned(scheduler, 15_000).instance.id).toBe(idOf(0));
});

test("figures that are older than the snapshot, or of an instance that left, change nothing", () => {
  const scheduler = schedulerOf();
  scheduler.update({ version: 5, members: [member(0)] }, 0);
  scheduler.report({ version: 5, reports: [[idOf(0), report({ running: 9 })]] }, 0);
  scheduler.report({ version: 6, reports: [[idOf(1), report({ running: 9 })]] }, 0);
  expect(scheduler.inFlight(0).map(({ id, load }) => [id, load])).toEqual([[idOf(0), 0]]);
});

test("when all engines are full of cache, all are taken", () => {
  const scheduler = schedulerOf(byPolicy("round_robin"));
  const full = report({ kvUsage: 0.99, waiting: 3 });
  scheduler.update({ version: 1, members: [member(0, { report: full }), member(1, { report: full })] }, 0);
  expect([assigned(scheduler, 0), assigned(scheduler, 0)].map(({ instance }) => instance.id)).toEqual([
    idOf(0),
    idOf(1),
  ]);
});

test("decode instances count no prompt tokens", () => {
  const scheduler = schedulerOf();
  scheduler.update({ version: 1, members: [member(0, { instance: { role: "decode" } })] }, 0);
  assigned(scheduler, 0, { role: "decode", promptTokens: 10_000 });
  expect(loadOf(scheduler, 0, 0)).toBe(1);
});

test("the load of an idle fleet is nothing", () => {
  const scheduler = schedulerOf();
  scheduler.update(fleet(3), 0);
  expect(scheduler.inFlight(0).map(({ load }) => load)).toEqual([0, 0, 0]);
});

function report(figures: Partial<LoadReport>): LoadReport {
  return { running: 0, waiting: 0, kvUsage: 0.1, ageMs: 0, ...figures };
}

describe("counted prompt tokens", () => {
  const usage = { kind: "completed", usage: { promptTokens: 1000, cachedTokens: 0, completionTokens: 1 } } as const;

  test("are not touched by what answers teach of the tokenizer", () => {
    const scheduler = schedulerOf(byPolicy("process_tokens"));
    scheduler.update(fleet(2), 0);
    // Ten times as many as estimated, again and again.
    for (let i = 0; i < 200; i++) assigned(scheduler, 0, { promptTokens: 100, countedTokens: 10 }).settle(usage, 0);
    assigned(scheduler, 0, { promptTokens: 5, countedTokens: 10 });
    assigned(scheduler, 0, { promptTokens: 5000, countedTokens: 4 });
    const digest = scheduler.takeDigest(0, true);
    expect(digest?.loads.map(({ promptTokens }) => promptTokens)).toEqual([10, 4]);
  });

  test("are none on decode instances, which go by requests", () => {
    const scheduler = schedulerOf(byPolicy("process_tokens"));
    const members = [1, 2].map((number) => member(number, { instance: { role: "decode" } }));
    scheduler.update({ version: 1, members }, 0);
    const chosen = [80, 2, 2, 2].map(
      (countedTokens) => assigned(scheduler, 0, { role: "decode", countedTokens }).instance.id,
    );
    expect(chosen).toEqual([idOf(1), idOf(2), idOf(1), idOf(2)]);
    expect(scheduler.takeDigest(0, true)?.loads.map(({ promptTokens }) => promptTokens)).toEqual([0, 0]);
  });
});
