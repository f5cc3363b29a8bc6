/** What is peculiar to each policy; what all have in common is in conformance.test.ts. */
import { describe, expect, test } from "bun:test";
import type { InstanceId } from "../../src/fleet/instance.ts";
import type { FleetMember, LoadReport } from "../../src/fleet/snapshot.ts";
import { schedulerOptions } from "../../src/scheduler/options.ts";
import { homeSlice } from "../../src/scheduler/policies/p2c.ts";
import type { PolicyName } from "../../src/scheduler/policies/index.ts";
import type { Scheduler } from "../../src/scheduler/scheduler.ts";
import { assigned, byPolicy, COMPLETED, fleet, idOf, member, schedulerOf } from "./support.ts";

function over(size: number, policy: PolicyName): Scheduler {
  const scheduler = schedulerOf(byPolicy(policy));
  scheduler.update(fleet(size), 0);
  return scheduler;
}

function picks(scheduler: Scheduler, count: number, promptTokens = 100): InstanceId[] {
  return Array.from({ length: count }, () => assigned(scheduler, 0, { promptTokens }).instance.id);
}

/** How many an otherwise idle dispatcher of 8 sends to its two home instances before it leaves them. */
function picksAtHome(now: number): number {
  const scheduler = over(16, "p2c");
  scheduler.setDispatchers(0, 8);
  scheduler.receive({ dispatcher: "other", sequence: 1, full: true, loads: [] }, 0);
  const home = new Set([idOf(0), idOf(1)]);
  let count = 0;
  while (count < 200 && home.has(assigned(scheduler, now, { promptTokens: 0 }).instance.id)) count++;
  return count;
}

function report(running: number, waiting: number, ageMs = 0): LoadReport {
  return { running, waiting, kvUsage: 0, ageMs };
}

function reporting(...reports: readonly LoadReport[]): FleetMember[] {
  return reports.map((figures, number) => member(number, { report: figures }));
}

const ids = (...numbers: number[]): InstanceId[] => numbers.map(idOf);

describe("round_robin", () => {
  test("goes through the instances in order of id, whatever is in flight", () => {
    expect(picks(over(3, "round_robin"), 7)).toEqual(ids(0, 1, 2, 0, 1, 2, 0));
  });

  test("starts elsewhere in every dispatcher", () => {
    const scheduler = over(8, "round_robin");
    scheduler.setDispatchers(2, 4);
    expect(picks(scheduler, 3)).toEqual(ids(4, 5, 6));
  });
});

describe.each(["request_num", "fd_metrics_score"] as const)("%s", (policy) => {
  test("takes the fewest requests, and the first in order among equals", () => {
    const scheduler = over(3, policy);
    expect(picks(scheduler, 2)).toEqual(ids(0, 1));
    const third = assigned(scheduler, 0);
    expect(third.instance.id).toBe(idOf(2));
    expect(picks(scheduler, 1)).toEqual(ids(0));
    third.settle(COMPLETED, 0);
    expect(picks(scheduler, 1)).toEqual(ids(2));
  });

  test("goes to the first one while all is idle", () => {
    const scheduler = over(3, policy);
    for (let i = 0; i < 3; i++) {
      const assignment = assigned(scheduler, i);
      expect(assignment.instance.id).toBe(idOf(0));
      assignment.settle(COMPLETED, i);
    }
  });
});

describe("process_tokens", () => {
  test("takes the fewest prompt tokens in flight, also after they were prefilled", () => {
    const scheduler = over(3, "process_tokens");
    const pick = (promptTokens: number): InstanceId => {
      const assignment = assigned(scheduler, 0, { promptTokens });
      assignment.firstToken(0);
      return assignment.instance.id;
    };
    expect([8, 4, 2, 4, 2].map(pick)).toEqual(ids(0, 1, 2, 2, 1));
  });

  test("tells fractions of a token apart", () => {
    const scheduler = over(3, "process_tokens");
    expect([1, 0.5, 0.25, 0.1].map((tokens) => picks(scheduler, 1, tokens)[0])).toEqual(ids(0, 1, 2, 2));
  });

  test("falls back to request counts where there are no tokens: empty prompts and decode instances", () => {
    expect(picks(over(3, "process_tokens"), 4, 0)).toEqual(ids(0, 1, 2, 0));
    const decode = schedulerOf(byPolicy("process_tokens"));
    const members = [0, 1].map((number) => member(number, { instance: { role: "decode" } }));
    decode.update({ version: 1, members }, 0);
    const chosen = [900, 10, 10].map(
      (promptTokens) => assigned(decode, 0, { role: "decode", promptTokens }).instance.id,
    );
    expect(chosen).toEqual(ids(0, 1, 0));
  });
});

describe("power_of_two", () => {
  test("of two instances always takes the one with fewer requests", () => {
    const scheduler = over(2, "power_of_two");
    for (let i = 0; i < 20; i++) expect(new Set(picks(scheduler, 2)).size).toBe(2);
  });
});

describe("fd_remote_metrics_score", () => {
  test("takes the lowest running + waiting × waiting-weight", () => {
    const members = reporting(report(2, 3), report(9, 0), report(0, 4));
    for (const [weight, expected] of [
      [1, 2],
      [10, 1],
      [0, 2],
    ] as const) {
      const scheduler = schedulerOf({ ...byPolicy("fd_remote_metrics_score"), "waiting-weight": weight });
      scheduler.update({ version: 1, members }, 0);
      expect(assigned(scheduler, 0).instance.id).toBe(idOf(expected));
    }
  });

  test("adds what was sent since the report, so that not all goes to one until the next", () => {
    const scheduler = schedulerOf(byPolicy("fd_remote_metrics_score"));
    scheduler.update({ version: 1, members: reporting(report(0, 0), report(2, 0)) }, 0);
    expect(picks(scheduler, 3)).toEqual(ids(0, 0, 0));
    // The next snapshot still brings the same report, only older.
    scheduler.update({ version: 2, members: reporting(report(0, 0, 500), report(2, 0, 500)) }, 500);
    expect(picks(scheduler, 3)).toEqual(ids(1, 0, 1));
  });

  test("uses own counts where a report is missing or stale", () => {
    const scheduler = schedulerOf(byPolicy("fd_remote_metrics_score"));
    const members = [member(0, { report: report(5, 0) }), member(1, { report: report(0, 0, 60_000) }), member(2)];
    scheduler.update({ version: 1, members }, 0);
    expect(picks(scheduler, 4)).toEqual(ids(1, 2, 1, 2));
  });
});

describe("p2c", () => {
  test("home slices cover the fleet evenly: every instance is in one slice at least and in no more than its share and one", () => {
    for (const instances of [1, 2, 3, 7, 64, 100]) {
      for (const dispatchers of [1, 2, 5, 8, 16]) {
        const covered = Array.from({ length: instances }, () => 0);
        for (let index = 0; index < dispatchers; index++) {
          const { start, size } = homeSlice(instances, index, dispatchers);
          expect(size).toBe(Math.min(instances, Math.max(2, Math.ceil(instances / dispatchers))));
          for (let i = start; i < start + size; i++) covered[i % instances] = (covered[i % instances] ?? 0) + 1;
        }
        if (dispatchers <= instances) expect(Math.min(...covered)).toBeGreaterThanOrEqual(1);
        const share = (dispatchers * Math.min(instances, Math.max(2, Math.ceil(instances / dispatchers)))) / instances;
        expect(Math.max(...covered)).toBeLessThanOrEqual(Math.ceil(share) + 1);
      }
    }
  });

  test("one joining instance moves a slice by one place at most", () => {
    for (let instances = 2; instances < 100; instances++) {
      for (let index = 0; index < 8; index++) {
        const before = homeSlice(instances, index, 8).start;
        const moved = homeSlice(instances + 1, index, 8).start - before;
        expect(moved).toBeGreaterThanOrEqual(0);
        expect(moved).toBeLessThanOrEqual(1);
      }
    }
  });

  test("alone, it takes the least loaded of all", () => {
    const scheduler = over(10, "p2c");
    for (let i = 0; i < 5; i++) expect(new Set(picks(scheduler, 10)).size).toBe(10);
  });

  test("stays in its slice while the rest is not clearly less loaded, and leaves it then", () => {
    const scheduler = over(16, "p2c");
    scheduler.setDispatchers(1, 4);
    const home = new Set(ids(4, 5, 6, 7));
    for (const id of picks(scheduler, 16, 0)) expect(home).toContain(id);
    const [spilt] = picks(scheduler, 40, 0).filter((id) => !home.has(id));
    expect(spilt).toBeDefined();
  });

  test("doubles its margin when the digests are older than 250 ms", () => {
    expect(picksAtHome(0)).toBeGreaterThanOrEqual(2 * 4);
    expect(picksAtHome(0)).toBeLessThan(2 * 8);
    expect(picksAtHome(300)).toBeGreaterThanOrEqual(2 * 8);
  });

  test("is the default for every role", () => {
    const options = schedulerOptions.parse({});
    expect([options.policy, options["prefill-policy"], options["decode-policy"]]).toEqual(["p2c", "p2c", "p2c"]);
  });
});
