/** A rolling restart: one unit after another, the next only while all others serve. Pure. Stepped by supervise.ts. */

export type UnitStanding = "serving" | "busy" | "failed";

export interface Rolling {
  /** Units still to come, by index. */
  readonly waiting: readonly number[];
  readonly current: { readonly unit: number; readonly left: boolean } | null;
}

export type RollingStep =
  | { readonly kind: "wait"; readonly rolling: Rolling }
  | { readonly kind: "restart"; readonly unit: number; readonly rolling: Rolling }
  | { readonly kind: "done" }
  /** The unit did not come back: the others are left as they are. */
  | { readonly kind: "broken"; readonly unit: number };

export function startRolling(units: readonly number[]): Rolling {
  return { waiting: units, current: null };
}

export function stepRolling(rolling: Rolling, standing: (unit: number) => UnitStanding): RollingStep {
  const { current } = rolling;
  if (current !== null) {
    const now = standing(current.unit);
    if (now === "failed") return { kind: "broken", unit: current.unit };
    if (now === "busy") return { kind: "wait", rolling: { ...rolling, current: { ...current, left: true } } };
    if (!current.left) return { kind: "wait", rolling };
  }
  const [unit, ...waiting] = rolling.waiting;
  if (unit === undefined) return { kind: "done" };
  const othersServe = waiting.every((other) => standing(other) !== "busy");
  if (!othersServe) return { kind: "wait", rolling: { ...rolling, current: null } };
  return { kind: "restart", unit, rolling: { waiting, current: { unit, left: false } } };
}
