import { describe, expect, test } from "bun:test";
import { schedulerOptions } from "../../src/scheduler/options.ts";
import { assigned, byPolicy, COMPLETED, countOf, fleet, idOf, schedulerOf } from "./support.ts";

describe("changed options of a running scheduler", () => {
  test("requests that come from then on are placed by the new policy", () => {
    const scheduler = schedulerOf(byPolicy("request_num"));
    scheduler.update(fleet(3), 0);
    // Settled at once, the first of the least busy would be taken again and again.
    scheduler.configure({ ...schedulerOptions.parse({}), ...byPolicy("round_robin") });
    const picked = Array.from({ length: 6 }, (_, now) => {
      const assignment = assigned(scheduler, now);
      assignment.settle(COMPLETED, now);
      return assignment.instance.id;
    });
    expect(picked.slice(0, 3).toSorted()).toEqual([idOf(0), idOf(1), idOf(2)]);
    expect(picked.slice(3)).toEqual(picked.slice(0, 3));
  });

  test("requests under way stay counted, and settle as before", () => {
    const scheduler = schedulerOf(byPolicy("request_num"));
    scheduler.update(fleet(1), 0);
    const before = assigned(scheduler, 0);
    scheduler.configure({ ...schedulerOptions.parse({}), ...byPolicy("p2c") });
    expect(countOf(scheduler, 0)).toBe(1);
    const after = assigned(scheduler, 1);
    expect(countOf(scheduler, 0)).toBe(2);
    before.settle(COMPLETED, 2);
    after.settle(COMPLETED, 2);
    expect(countOf(scheduler, 0)).toBe(0);
  });
});
