/** A rolling restart: one unit after another, the next only while all others serve. Pure. Stepped by supervise.ts. */

export type UnitStanding = "serving" | "busy" | "failed";

export interface Rolling {
  /** All units, by index, in the order of their restarts. */
  readonly units: readonly number[];
  /** How many have been restarted or are being. */
  readonly begun: number;
  /** The last one begun: whether it has stopped serving yet. */
  readonly left: boolean;
}

export type RollingStep =
  | { readonly kind: "wait"; readonly rolling: Rolling }
  | { readonly kind: "restart"; readonly unit: number; readonly rolling: Rolling }
  | { readonly kind: "done" }
  /** The unit did not come back: those after it are left as they are. */
  | { readonly kind: "broken"; readonly unit: number };

export function startRolling(units: readonly number[]): Rolling {
  return { units, begun: 0, left: true };
}

export function stepRolling(rolling: Rolling, standing: (unit: number) => UnitStanding): RollingStep {
  const current = rolling.units[rolling.begun - 1];
  if (current !== undefined) {
    const now = standing(current);
    if (now === "failed") return { kind: "broken", unit: current };
    if (now === "busy" || !rolling.left)
      return { kind: "wait", rolling: { ...rolling, left: rolling.left || now === "busy" } };
  }
  const next = rolling.units[rolling.begun];
  if (next === undefined) return { kind: "done" };
  // One that was restarted earlier may have fallen again. A failed one will not come back by waiting.
  if (rolling.units.some((unit) => unit !== next && standing(unit) === "busy")) return { kind: "wait", rolling };
  return { kind: "restart", unit: next, rolling: { ...rolling, begun: rolling.begun + 1, left: false } };
}
