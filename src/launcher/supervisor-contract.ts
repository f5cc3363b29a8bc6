/** What the supervisor is given and what it shows: the contract between supervise.ts, its parts and those who use it. */
import type { ServerPlan, UnitPlan } from "./fleet-plan.ts";
import type { EngineLoad } from "./health.ts";
import type { ServerProcess } from "./process.ts";
import type { UnitLimits, UnitState } from "./unit.ts";

export interface SupervisedUnit {
  readonly plan: UnitPlan;
  readonly limits: UnitLimits;
  readonly startAt: number;
  /** The router: stopped before the servers, so that its requests end well; not part of a rolling restart. */
  readonly front: boolean;
}

export interface SupervisorDeps {
  /** Monotonic, in ms. */
  readonly now: () => number;
  /** Throws when the program cannot be started. */
  readonly start: (server: ServerPlan) => ServerProcess;
  readonly probe: (server: ServerPlan) => Promise<boolean>;
  readonly scrape: (server: ServerPlan) => Promise<EngineLoad | null>;
  /** Null when no router was named. */
  readonly router: RouterLink | null;
  readonly note: (level: NoteLevel, text: string) => void;
  readonly timing: SupervisorTiming;
}

export interface SupervisorTiming {
  readonly probeMs: number;
  readonly scrapeMs: number;
  readonly drainMs: number;
  /** What a dead server leaves behind gets this long to end by itself. */
  readonly sweepGraceMs: number;
  /** Between two lines about a unit that is not up yet. */
  readonly progressMs: number;
}

export type NoteLevel = "info" | "warn" | "error";

/** What the supervisor says to the router. */
export interface RouterLink {
  register(server: ServerPlan, pid: number): void;
  isRegistered(server: ServerPlan): boolean;
  report(server: ServerPlan, load: EngineLoad): void;
  /** Never rejects. */
  drain(servers: readonly ServerPlan[], deadlineMs: number): Promise<void>;
  leave(server: ServerPlan): void;
}

export interface ServerView {
  readonly name: string;
  readonly unit: string;
  readonly phase: UnitState["phase"];
  readonly healthy: boolean;
  /** Null when there is no router to register with. */
  readonly registered: boolean | null;
  readonly pid: number | null;
  readonly port: number;
  readonly upMs: number;
  readonly restarts: number;
  readonly load: EngineLoad | null;
  readonly tokensPerSec: number | null;
  /** Why its unit last crashed; empty if it never did. */
  readonly reason: string;
}
