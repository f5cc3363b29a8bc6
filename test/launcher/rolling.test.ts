import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { startRolling, stepRolling, type Rolling, type UnitStanding } from "../../src/launcher/rolling.ts";

describe("a rolling restart", () => {
  test("restarts each unit once, in order, and then is done", () => {
    const standings: UnitStanding[] = ["serving", "serving", "serving"];
    const restarted: number[] = [];
    let rolling: Rolling | null = startRolling([0, 1, 2]);
    for (let step = 0; step < 30 && rolling !== null; step++) {
      const next = stepRolling(rolling, (unit) => standings[unit] ?? "failed");
      rolling = next.kind === "wait" || next.kind === "restart" ? next.rolling : null;
      if (next.kind === "restart") {
        restarted.push(next.unit);
        standings[next.unit] = "busy";
      } else if (step % 3 === 0) standings.fill("serving");
    }
    expect(restarted).toEqual([0, 1, 2]);
    expect(rolling).toBeNull();
  });

  test("a unit that does not come back ends it, and the rest is left alone", () => {
    const rolling: Rolling = { units: [0, 1, 2], begun: 1, left: true };
    expect(stepRolling(rolling, (unit) => (unit === 0 ? "failed" : "serving"))).toEqual({ kind: "broken", unit: 0 });
  });

  test("a unit that has not left yet is not taken for one that is back", () => {
    const rolling: Rolling = { units: [0, 1], begun: 1, left: false };
    expect(stepRolling(rolling, () => "serving").kind).toBe("wait");
  });

  test("never takes a unit away while another one does not serve", () => {
    const standing = fc.constantFrom<UnitStanding>("serving", "busy");
    fc.assert(
      fc.property(fc.array(fc.array(standing, { minLength: 4, maxLength: 4 }), { maxLength: 50 }), (history) => {
        let rolling: Rolling | null = startRolling([0, 1, 2, 3]);
        for (const standings of history) {
          if (rolling === null) return;
          const next = stepRolling(rolling, (unit) => standings[unit] ?? "failed");
          if (next.kind === "restart") {
            expect(standings.filter((one, unit) => unit !== next.unit && one === "busy")).toEqual([]);
          }
          rolling = next.kind === "wait" || next.kind === "restart" ? next.rolling : null;
        }
      }),
      { seed: 3 },
    );
  });
});
