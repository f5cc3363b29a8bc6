/**
 * The life of a unit (a data-parallel group, or one replica), as a pure state machine. Every server of a unit is started, stopped and restarted
 * with the others. Driven by supervise.ts, which carries out the effects.
 *
 *   waiting ─▶ starting ─▶ running ─▶ draining ─▶ stopping ─▶ stopped
 *      ▲           │          │                      │  │
 *      │           └──────────┴── crash, hang ──────▶│  └────▶ failed (crash loop)
 *      └────────────────── restart ──────────────────┘
 */

export interface UnitLimits {
  readonly startLimitMs: number;
  /** Longest time without a good probe while running. */
  readonly hangLimitMs: number;
  readonly drainMs: number;
  /** Between SIGTERM and SIGKILL. */
  readonly graceMs: number;
  readonly restart: boolean;
  readonly restartDelayMs: number;
  readonly restartDelayMaxMs: number;
  /** Crashes within `crashWindowMs` after which the unit is given up. */
  readonly crashLimit: number;
  readonly crashWindowMs: number;
}

/** What follows a stop. */
type Next = { readonly kind: "restart"; readonly afterMs: number } | { readonly kind: "stop" | "fail" };

interface ProbeRecord {
  /** When the server last answered well. */
  readonly goodAt: number;
  /** Bad probes since then. */
  readonly misses: number;
}

/**
 * So many bad probes must stand behind a hang, besides the time: when the launcher itself was held up, the probe that was under way is bad
 * and the time long, and neither is the server's fault.
 */
const HANG_MISSES = 2;

export type UnitState =
  | { readonly phase: "waiting"; readonly until: number }
  | { readonly phase: "starting"; readonly since: number; readonly healthy: ReadonlySet<number> }
  | { readonly phase: "running"; readonly since: number; readonly probes: readonly ProbeRecord[] }
  | { readonly phase: "draining"; readonly since: number; readonly next: Next }
  | { readonly phase: "stopping"; readonly since: number; readonly killed: boolean; readonly next: Next }
  | { readonly phase: "stopped" }
  | { readonly phase: "failed" };

export interface Unit {
  /** Of its servers; events name them by index. */
  readonly names: readonly string[];
  readonly state: UnitState;
  /** Servers of which a process may still be there. */
  readonly present: ReadonlySet<number>;
  /** Within the window. */
  readonly crashes: readonly number[];
  readonly restarts: number;
  /** Why it last stopped, for people. */
  readonly reason: string;
}

export type UnitEvent =
  | { readonly kind: "tick" }
  | { readonly kind: "healthy" | "unhealthy"; readonly server: number }
  | { readonly kind: "exited"; readonly server: number; readonly how: string }
  /** Nothing of its process tree is left. */
  | { readonly kind: "gone"; readonly server: number }
  | { readonly kind: "drained" }
  | { readonly kind: "stop" | "stop-now" | "restart" };

/** For all servers of the unit. */
export type UnitEffect = "start" | "register" | "drain" | "leave" | "terminate" | "kill";

export interface UnitStep {
  readonly unit: Unit;
  readonly effects: readonly UnitEffect[];
}

export function createUnit(names: readonly string[], startAt: number): Unit {
  const state: UnitState = { phase: "waiting", until: startAt };
  return { names, state, present: new Set(), crashes: [], restarts: 0, reason: "" };
}

export function stepUnit(unit: Unit, event: UnitEvent, now: number, limits: UnitLimits): UnitStep {
  switch (event.kind) {
    case "tick":
      return tick(unit, now, limits);
    case "healthy":
      return healthy(unit, event.server, now);
    case "unhealthy":
      return unhealthy(unit, event.server, now, limits);
    case "exited":
      return exited(unit, event, now, limits);
    case "gone":
      return gone(unit, event.server, now);
    case "drained":
      return unit.state.phase === "draining" ? halt(unit, unit.state.next, now, ["terminate"]) : same(unit);
    case "stop":
      return stop(unit, now);
    case "stop-now":
      return unit.present.size === 0 ? stop(unit, now) : halt(unit, { kind: "stop" }, now, ["leave", "kill"]);
    case "restart":
    default:
      return restart(unit, now);
  }
}

function tick(unit: Unit, now: number, limits: UnitLimits): UnitStep {
  const { state } = unit;
  if (state.phase === "waiting" && now >= state.until) {
    const servers = new Set(unit.names.keys());
    return move({ ...unit, present: servers }, { phase: "starting", since: now, healthy: new Set() }, ["start"]);
  }
  if (state.phase === "starting" && now - state.since >= limits.startLimitMs) {
    const missing = unit.names.filter((_, server) => !state.healthy.has(server));
    return crash(unit, `${missing.join(", ")} not healthy within ${limits.startLimitMs / 1000} s`, now, limits);
  }
  if (state.phase === "draining" && now - state.since >= limits.drainMs)
    return halt(unit, state.next, now, ["terminate"]);
  if (state.phase === "stopping" && !state.killed && now - state.since >= limits.graceMs) {
    return move(unit, { ...state, killed: true }, ["kill"]);
  }
  return same(unit);
}

function healthy(unit: Unit, server: number, now: number): UnitStep {
  const { state } = unit;
  const good: ProbeRecord = { goodAt: now, misses: 0 };
  if (state.phase === "running") return move(unit, { ...state, probes: state.probes.with(server, good) }, []);
  if (state.phase !== "starting") return same(unit);
  const well = new Set([...state.healthy, server]);
  if (well.size < unit.names.length) return move(unit, { ...state, healthy: well }, []);
  const probes = unit.names.map(() => good);
  return move(unit, { phase: "running", since: now, probes }, ["register"]);
}

function unhealthy(unit: Unit, server: number, now: number, limits: UnitLimits): UnitStep {
  const { state } = unit;
  const record = state.phase === "running" ? state.probes[server] : undefined;
  if (state.phase !== "running" || record === undefined) return same(unit);
  const misses = record.misses + 1;
  if (misses >= HANG_MISSES && now - record.goodAt >= limits.hangLimitMs) {
    return crash(unit, `${unit.names[server]} hangs: no good probe for ${limits.hangLimitMs / 1000} s`, now, limits);
  }
  return move(unit, { ...state, probes: state.probes.with(server, { ...record, misses }) }, []);
}

/** Unasked: a crash, whatever the status, since FastDeploy exits with 0 when loading failed. */
function exited(
  unit: Unit,
  event: { readonly server: number; readonly how: string },
  now: number,
  limits: UnitLimits,
): UnitStep {
  const { state } = unit;
  if (state.phase === "starting" || state.phase === "running") {
    return crash(unit, `${unit.names[event.server]} ${event.how}`, now, limits);
  }
  if (state.phase === "draining") return halt(unit, state.next, now, ["terminate"]);
  return same(unit);
}

function gone(unit: Unit, server: number, now: number): UnitStep {
  const present = new Set([...unit.present].filter((one) => one !== server));
  const left = { ...unit, present };
  if (present.size > 0 || unit.state.phase !== "stopping") return same(left);
  const { next } = unit.state;
  if (next.kind === "restart") {
    return move({ ...left, restarts: unit.restarts + 1 }, { phase: "waiting", until: now + next.afterMs }, []);
  }
  return move(left, { phase: next.kind === "stop" ? "stopped" : "failed" }, []);
}

function crash(unit: Unit, reason: string, now: number, limits: UnitLimits): UnitStep {
  const crashes = [...unit.crashes.filter((at) => now - at < limits.crashWindowMs), now];
  const giveUp = !limits.restart || crashes.length >= limits.crashLimit;
  const delayMs = limits.restartDelayMs * 2 ** (crashes.length - 1);
  const next: Next = giveUp
    ? { kind: "fail" }
    : { kind: "restart", afterMs: Math.min(delayMs, limits.restartDelayMaxMs) };
  return halt({ ...unit, crashes, reason }, next, now, ["leave", "terminate"]);
}

function stop(unit: Unit, now: number): UnitStep {
  const { state } = unit;
  const next: Next = { kind: "stop" };
  switch (state.phase) {
    case "waiting":
      return move(unit, { phase: "stopped" }, []);
    case "starting":
      return halt(unit, next, now, ["terminate"]);
    case "running":
      return move(unit, { phase: "draining", since: now, next }, ["drain"]);
    case "draining":
    case "stopping":
      return move(unit, { ...state, next: state.next.kind === "fail" ? state.next : next }, []);
    case "stopped":
    case "failed":
    default:
      return same(unit);
  }
}

/** Planned. A unit that was given up gets another chance. */
function restart(unit: Unit, now: number): UnitStep {
  const { state } = unit;
  if (state.phase === "running") {
    return move(unit, { phase: "draining", since: now, next: { kind: "restart", afterMs: 0 } }, ["drain"]);
  }
  if (state.phase === "failed") return move({ ...unit, crashes: [] }, { phase: "waiting", until: now }, []);
  return same(unit);
}

function halt(unit: Unit, next: Next, now: number, effects: readonly UnitEffect[]): UnitStep {
  return move(unit, { phase: "stopping", since: now, killed: effects.includes("kill"), next }, effects);
}

function move(unit: Unit, state: UnitState, effects: readonly UnitEffect[]): UnitStep {
  return { unit: { ...unit, state }, effects };
}

function same(unit: Unit): UnitStep {
  return { unit, effects: [] };
}
