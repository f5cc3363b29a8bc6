/**
 * Drives every unit's state machine: probes and scrapes on a clock that is handed in, carries out effects, restarts one by one, stops in order.
 * launch.ts gives it the real processes and calls `tick`.
 */
import type { ServerPlan, UnitPlan } from "./fleet-plan.ts";
import type { EngineLoad } from "./health.ts";
import { describeExit, type ServerProcess } from "./process.ts";
import { type Rolling, startRolling, stepRolling, type UnitStanding } from "./rolling.ts";
import {
  createUnit,
  stepUnit,
  type Unit,
  type UnitEffect,
  type UnitEvent,
  type UnitLimits,
  type UnitState,
} from "./unit.ts";

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
  readonly router: RouterLink;
  readonly note: (level: NoteLevel, text: string) => void;
  readonly timing: {
    readonly probeMs: number;
    readonly scrapeMs: number;
    readonly drainMs: number;
    readonly sweepGraceMs: number;
    readonly progressMs: number;
  };
}

export type NoteLevel = "info" | "warn" | "error";

/** What the supervisor says to the router; registrar.ts with a server's plan in place of its fields. */
export interface RouterLink {
  register(server: ServerPlan, pid: number): void;
  isRegistered(server: ServerPlan): boolean;
  report(server: ServerPlan, load: EngineLoad): void;
  drain(servers: readonly ServerPlan[], deadlineMs: number): Promise<void>;
  leave(server: ServerPlan): void;
}

export interface ServerView {
  readonly name: string;
  readonly unit: string;
  readonly phase: UnitState["phase"];
  readonly healthy: boolean;
  readonly registered: boolean;
  readonly pid: number | null;
  readonly port: number;
  readonly upMs: number;
  readonly restarts: number;
  readonly load: EngineLoad | null;
  readonly tokensPerSec: number | null;
  /** Why it last stopped; empty if it never did. */
  readonly reason: string;
}

/** One server and what is known of its present process. */
interface Seat {
  readonly plan: ServerPlan;
  process: ServerProcess | null;
  startedAt: number;
  healthy: boolean;
  probing: boolean;
  probeAt: number;
  scraping: boolean;
  scrapeAt: number;
  load: EngineLoad | null;
  loadAt: number;
  tokensPerSec: number | null;
}

interface Member {
  readonly supervised: SupervisedUnit;
  readonly seats: readonly Seat[];
  unit: Unit;
  progressAt: number;
}

export class Supervisor {
  readonly #members: readonly Member[];
  readonly #deps: SupervisorDeps;
  readonly #queue: { readonly member: Member; readonly event: UnitEvent }[] = [];
  readonly #finished = Promise.withResolvers<number>();
  #pumping = false;
  #stopping = false;
  #rolling: Rolling | null = null;

  constructor(units: readonly SupervisedUnit[], deps: SupervisorDeps) {
    this.#deps = deps;
    this.#members = units.map((supervised) => ({
      supervised,
      seats: supervised.plan.servers.map(createSeat),
      unit: createUnit(supervised.plan.servers.length, supervised.startAt),
      progressAt: deps.now() + deps.timing.progressMs,
    }));
  }

  /** Resolves with the exit code when nothing runs any more: 0 after a stop, 1 when a unit had been given up. */
  get finished(): Promise<number> {
    return this.#finished.promise;
  }

  tick(): void {
    for (const member of this.#members) this.#send(member, { kind: "tick" });
    for (const member of this.#members) {
      this.#showProgress(member);
      for (const [index, seat] of member.seats.entries()) {
        this.#probe(member, seat, index);
        this.#scrape(member, seat);
      }
    }
    this.#roll();
    this.#settle();
  }

  /** In order: the router, then the servers, each drained before it is ended. */
  stop(): void {
    if (!this.#stopping) this.#deps.note("info", "stopping; once more stops at once");
    this.#stopping = true;
    this.#rolling = null;
    this.#settle();
  }

  stopNow(): void {
    this.#deps.note("warn", "stopping at once");
    this.#stopping = true;
    this.#rolling = null;
    for (const member of this.#members) this.#send(member, { kind: "stop-now" });
    this.#settle();
  }

  rollingRestart(): void {
    if (this.#stopping || this.#rolling !== null) return;
    const units = this.#members.flatMap((member, index) => (member.supervised.front ? [] : [index]));
    this.#rolling = startRolling(units);
    this.#deps.note("info", `rolling restart of ${units.length} units`);
    if (units.length === 1) this.#deps.note("warn", "there is one unit only: nobody serves while it restarts");
  }

  view(): readonly ServerView[] {
    const now = this.#deps.now();
    return this.#members.flatMap(({ supervised, seats, unit }) =>
      seats.map((seat) => ({
        name: seat.plan.name,
        unit: supervised.plan.name,
        phase: unit.state.phase,
        healthy: seat.healthy,
        registered: this.#deps.router.isRegistered(seat.plan),
        pid: seat.process?.pid ?? null,
        port: seat.plan.port,
        upMs: seat.process === null ? 0 : now - seat.startedAt,
        restarts: unit.restarts,
        load: seat.load,
        tokensPerSec: seat.tokensPerSec,
        reason: unit.reason,
      })),
    );
  }

  /** Events that effects cause are taken after the one that is being taken. */
  #send(member: Member, event: UnitEvent): void {
    this.#queue.push({ member, event });
    if (this.#pumping) return;
    this.#pumping = true;
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
      const before = next.member.unit;
      const step = stepUnit(before, next.event, this.#deps.now(), next.member.supervised.limits);
      next.member.unit = step.unit;
      this.#tellChange(next.member, before);
      for (const effect of step.effects) this.#carryOut(next.member, effect);
    }
    this.#pumping = false;
  }

  #carryOut(member: Member, effect: UnitEffect): void {
    const { router, timing } = this.#deps;
    const plans = member.seats.map((seat) => seat.plan);
    switch (effect) {
      case "start":
        member.progressAt = this.#deps.now() + timing.progressMs;
        for (const [index, seat] of member.seats.entries()) this.#start(member, seat, index);
        return;
      case "register":
        for (const { plan, process } of member.seats) if (process !== null) router.register(plan, process.pid);
        return;
      case "drain":
        void router.drain(plans, timing.drainMs).then(() => this.#send(member, { kind: "drained" }));
        return;
      case "leave":
        for (const plan of plans) router.leave(plan);
        return;
      case "terminate":
        for (const seat of member.seats) seat.process?.terminate();
        return;
      case "kill":
        for (const seat of member.seats) seat.process?.kill();
    }
  }

  #start(member: Member, seat: Seat, index: number): void {
    const { deps, now } = { deps: this.#deps, now: this.#deps.now() };
    Object.assign(seat, createSeat(seat.plan), { startedAt: now, probeAt: now, scrapeAt: now });
    try {
      seat.process = deps.start(seat.plan);
    } catch (error) {
      const how = `cannot be started: ${error instanceof Error ? error.message : String(error)}`;
      this.#send(member, { kind: "exited", server: index, how });
      this.#send(member, { kind: "gone", server: index });
      return;
    }
    const { process } = seat;
    deps.note("info", `${seat.plan.name}: started, pid ${process.pid}, port ${seat.plan.port}`);
    void process.exited.then(async (exit) => {
      deps.router.leave(seat.plan);
      this.#send(member, { kind: "exited", server: index, how: describeExit(exit) });
      const left = await process.sweep(deps.timing.sweepGraceMs);
      if (left > 0) deps.note("warn", `${seat.plan.name}: ${left} processes that it left behind were ended`);
      seat.process = null;
      seat.healthy = false;
      this.#send(member, { kind: "gone", server: index });
      this.#settle();
    });
  }

  #probe(member: Member, seat: Seat, index: number): void {
    const { deps } = { deps: this.#deps };
    const { process } = seat;
    const { phase } = member.unit.state;
    const wanted = process !== null && (phase === "starting" || phase === "running");
    if (!wanted || seat.probing || deps.now() < seat.probeAt) return;
    seat.probing = true;
    void deps.probe(seat.plan).then((well) => {
      seat.probing = false;
      const pauseMs = phase === "starting" ? Math.min(deps.timing.probeMs, 500) : deps.timing.probeMs;
      seat.probeAt = deps.now() + pauseMs;
      if (seat.process !== process) return;
      if (well && !seat.healthy) {
        const tookSecs = ((deps.now() - seat.startedAt) / 1000).toFixed(1);
        deps.note("info", `${seat.plan.name}: healthy ${tookSecs} s after its start`);
      }
      if (!well && seat.healthy) deps.note("warn", `${seat.plan.name}: health probe failed`);
      seat.healthy = well;
      if (well) this.#send(member, { kind: "healthy", server: index });
    });
  }

  #scrape(member: Member, seat: Seat): void {
    const { deps } = { deps: this.#deps };
    const { process } = seat;
    const wanted = process !== null && member.unit.state.phase === "running" && seat.plan.registration !== null;
    if (!wanted || seat.scraping || deps.now() < seat.scrapeAt) return;
    seat.scraping = true;
    void deps.scrape(seat.plan).then((load) => {
      const now = deps.now();
      seat.scraping = false;
      seat.scrapeAt = now + deps.timing.scrapeMs;
      if (seat.process !== process) return;
      if (load !== null) deps.router.report(seat.plan, load);
      if (load !== null && seat.load !== null && now > seat.loadAt) {
        const tokens = Math.max(load.generatedTokens - seat.load.generatedTokens, 0);
        seat.tokensPerSec = (tokens * 1000) / (now - seat.loadAt);
      } else seat.tokensPerSec = null;
      seat.load = load;
      seat.loadAt = now;
    });
  }

  #roll(): void {
    if (this.#rolling === null) return;
    const step = stepRolling(this.#rolling, (index) => this.#standing(index));
    switch (step.kind) {
      case "wait":
        this.#rolling = step.rolling;
        return;
      case "restart": {
        this.#rolling = step.rolling;
        const member = this.#members[step.unit];
        if (member !== undefined) this.#send(member, { kind: "restart" });
        return;
      }
      case "done":
        this.#rolling = null;
        this.#deps.note("info", "rolling restart: done");
        return;
      case "broken":
        this.#rolling = null;
        this.#deps.note("error", "rolling restart: broken off, the unit did not come back; the others were left alone");
    }
  }

  /** Serving means that the router sends it requests, if there is a router. */
  #standing(index: number): UnitStanding {
    const member = this.#members[index];
    const phase = member?.unit.state.phase;
    if (member === undefined || phase === "failed" || phase === "stopped") return "failed";
    const registered = member.seats.every((seat) => this.#deps.router.isRegistered(seat.plan));
    return phase === "running" && registered ? "serving" : "busy";
  }

  /** Moves a stop on, and finishes when all is still. */
  #settle(): void {
    const servers = this.#members.filter((member) => !member.supervised.front);
    if (servers.every((member) => member.unit.state.phase === "failed")) this.#stopping = true;
    if (!this.#stopping) return;
    const fronts = this.#members.filter((member) => member.supervised.front);
    for (const member of fronts) this.#stopOnce(member);
    if (fronts.every(isSettled)) for (const member of servers) this.#stopOnce(member);
    if (!this.#members.every(isSettled)) return;
    this.#finished.resolve(this.#members.some((member) => member.unit.state.phase === "failed") ? 1 : 0);
  }

  #stopOnce(member: Member): void {
    const { state } = member.unit;
    if (isSettled(member)) return;
    if ((state.phase === "draining" || state.phase === "stopping") && state.next.kind !== "restart") return;
    this.#send(member, { kind: "stop" });
  }

  #showProgress(member: Member): void {
    const { state, size } = member.unit;
    const now = this.#deps.now();
    if (state.phase !== "starting" || now < member.progressAt) return;
    member.progressAt = now + this.#deps.timing.progressMs;
    const missing = member.seats.filter((_, index) => !state.healthy.has(index)).map((seat) => seat.plan.name);
    const since = Math.round((now - state.since) / 1000);
    this.#deps.note(
      "info",
      `${member.supervised.plan.name}: ${state.healthy.size} of ${size} healthy after ${since} s; waiting for ${missing.join(", ")}`,
    );
  }

  #tellChange(member: Member, before: Unit): void {
    const { unit, supervised } = member;
    if (unit.state.phase === before.state.phase) return;
    const { name } = supervised.plan;
    const { note } = this.#deps;
    if (unit.state.phase === "running") note("info", `${name}: running`);
    if (unit.state.phase === "draining") note("info", `${name}: draining`);
    if (unit.state.phase === "stopped") note("info", `${name}: stopped`);
    if (unit.state.phase === "failed") note("error", `${name}: given up: ${unit.reason}`);
    if (unit.state.phase !== "stopping" || unit.reason === "" || unit.crashes === before.crashes) return;
    const { next } = unit.state;
    const crashes = `crash ${unit.crashes.length} of ${supervised.limits.crashLimit}`;
    const what =
      next.kind === "restart" ? `restart in ${next.afterMs / 1000} s (${crashes})` : `no restart (${crashes})`;
    note("error", `${name}: ${unit.reason}; ${what}`);
  }
}

function createSeat(plan: ServerPlan): Seat {
  return {
    plan,
    process: null,
    startedAt: 0,
    healthy: false,
    probing: false,
    probeAt: 0,
    scraping: false,
    scrapeAt: 0,
    load: null,
    loadAt: 0,
    tokensPerSec: null,
  };
}

function isSettled(member: Member): boolean {
  const { phase } = member.unit.state;
  return phase === "stopped" || phase === "failed";
}
