/**
 * Drives every unit's state machine: carries out its effects, tells it what happens, restarts one by one, stops in order. Processes, probes,
 * the router and the clock are handed in; launch.ts gives it the real ones and calls `tick`.
 */
import type { ServerPlan } from "./fleet-plan.ts";
import { describeChange } from "./narrate.ts";
import { describeExit } from "./process.ts";
import { type Rolling, startRolling, stepRolling, type UnitStanding } from "./rolling.ts";
import { ServerWatch } from "./server-watch.ts";
import type { ServerView, SupervisedUnit, SupervisorDeps } from "./supervisor-contract.ts";
import { createUnit, stepUnit, type Unit, type UnitEffect, type UnitEvent } from "./unit.ts";

interface Member {
  readonly supervised: SupervisedUnit;
  readonly servers: readonly ServerWatch[];
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
  #announced = false;
  #rolling: Rolling | null = null;

  constructor(units: readonly SupervisedUnit[], deps: SupervisorDeps) {
    this.#deps = deps;
    this.#members = units.map((supervised) => ({
      supervised,
      servers: supervised.plan.servers.map((plan) => new ServerWatch(plan, deps)),
      unit: createUnit(
        supervised.plan.servers.map((plan) => plan.name),
        supervised.startAt,
      ),
      progressAt: Infinity,
    }));
  }

  /** Resolves with the exit code when nothing runs any more: 0 after a stop, 1 when a unit had been given up. */
  get finished(): Promise<number> {
    return this.#finished.promise;
  }

  tick(): void {
    for (const member of this.#members) {
      this.#send(member, { kind: "tick" });
      this.#showProgress(member);
      for (const [server, watch] of member.servers.entries()) {
        watch.look(member.unit.state.phase, (well) =>
          this.#send(member, { kind: well ? "healthy" : "unhealthy", server }),
        );
      }
    }
    this.#announce();
    this.#roll();
    this.#settle();
  }

  /** In order: the router, then the servers, each drained before it is ended. */
  stop(): void {
    this.#deps.note("info", "stopping; once more stops at once");
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
    return this.#members.flatMap(({ supervised, servers, unit }) =>
      servers.map((watch) => ({
        name: watch.plan.name,
        unit: supervised.plan.name,
        phase: unit.state.phase,
        healthy: watch.healthy,
        registered: watch.plan.registration && (this.#deps.router?.isRegistered(watch.plan) ?? null),
        pid: watch.process?.pid ?? null,
        port: watch.plan.port,
        upMs: watch.upMs,
        restarts: unit.restarts,
        load: watch.load,
        tokensPerSec: watch.tokensPerSec,
        reason: unit.reason,
      })),
    );
  }

  /** Events that effects cause wait until the present one is done with. */
  #send(member: Member, event: UnitEvent): void {
    this.#queue.push({ member, event });
    if (this.#pumping) return;
    this.#pumping = true;
    try {
      for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
        this.#take(next.member, next.event);
      }
    } finally {
      this.#pumping = false;
    }
  }

  #take(member: Member, event: UnitEvent): void {
    const { plan, limits } = member.supervised;
    const before = member.unit;
    const step = stepUnit(before, event, this.#deps.now(), limits);
    member.unit = step.unit;
    const change = describeChange(plan.name, before, step.unit, limits.crashLimit);
    if (change !== null) this.#deps.note(change.level, change.text);
    for (const effect of step.effects) this.#carryOut(member, effect);
  }

  #carryOut(member: Member, effect: UnitEffect): void {
    const { router, timing, now } = this.#deps;
    const plans = member.servers.map((watch) => watch.plan);
    switch (effect) {
      case "start":
        member.progressAt = now() + timing.progressMs;
        for (const [index, watch] of member.servers.entries()) this.#start(member, watch, index);
        break;
      case "register":
        for (const { plan, process } of member.servers) if (process !== null) router?.register(plan, process.pid);
        break;
      case "drain":
        void this.#drain(member, plans);
        break;
      case "leave":
        for (const plan of plans) router?.leave(plan);
        break;
      case "terminate":
        for (const watch of member.servers) watch.process?.terminate();
        break;
      case "kill":
        for (const watch of member.servers) watch.process?.kill();
        break;
    }
  }

  async #drain(member: Member, plans: readonly ServerPlan[]): Promise<void> {
    await this.#deps.router?.drain(plans, this.#deps.timing.drainMs);
    this.#send(member, { kind: "drained" });
  }

  #start(member: Member, watch: ServerWatch, server: number): void {
    const { start, note } = this.#deps;
    const { plan } = watch;
    try {
      const process = start(plan);
      watch.begin(process);
      note("info", `${plan.name}: started, pid ${process.pid}, port ${plan.port}`);
      void process.exited.then((exit) => this.#exited(member, server, describeExit(exit)));
    } catch (error) {
      const how = `cannot be started: ${error instanceof Error ? error.message : String(error)}`;
      this.#send(member, { kind: "exited", server, how });
      this.#send(member, { kind: "gone", server });
    }
  }

  async #exited(member: Member, server: number, how: string): Promise<void> {
    const watch = member.servers[server];
    const process = watch?.process ?? null;
    if (watch === undefined || process === null) return;
    this.#deps.router?.leave(watch.plan);
    this.#send(member, { kind: "exited", server, how });
    const left = await process.sweep(this.#deps.timing.sweepGraceMs);
    if (left > 0) this.#deps.note("warn", `${watch.plan.name}: ended ${left} processes that it had left behind`);
    watch.end();
    this.#send(member, { kind: "gone", server });
    this.#settle();
  }

  /** One line that start scripts can wait for. */
  #announce(): void {
    if (this.#announced || !this.#members.every((member) => member.unit.state.phase === "running")) return;
    this.#announced = true;
    const count = this.#members.reduce(
      (sum, { supervised, servers }) => sum + (supervised.front ? 0 : servers.length),
      0,
    );
    this.#deps.note("info", `fleet is up, ${count} servers`);
  }

  #roll(): void {
    if (this.#rolling === null) return;
    const step = stepRolling(this.#rolling, (index) => this.#standing(index));
    this.#rolling = step.kind === "wait" || step.kind === "restart" ? step.rolling : null;
    const member = "unit" in step ? this.#members[step.unit] : undefined;
    if (step.kind === "restart" && member !== undefined) this.#send(member, { kind: "restart" });
    if (step.kind === "done") this.#deps.note("info", "rolling restart: done");
    if (step.kind === "broken") {
      const name = member?.supervised.plan.name;
      this.#deps.note(
        "error",
        `rolling restart: broken off, ${name} did not come back; the units after it are as before`,
      );
    }
  }

  /** Serving means that the router sends it requests, if there is a router. */
  #standing(index: number): UnitStanding {
    const member = this.#members[index];
    const phase = member?.unit.state.phase;
    if (member === undefined || phase === "failed" || phase === "stopped") return "failed";
    const registered = member.servers.every((watch) => this.#deps.router?.isRegistered(watch.plan) ?? true);
    return phase === "running" && registered ? "serving" : "busy";
  }

  /** Moves a stop on, and finishes when all is still. */
  #settle(): void {
    const fronts = this.#members.filter((member) => member.supervised.front);
    const servers = this.#members.filter((member) => !member.supervised.front);
    if (servers.every((member) => member.unit.state.phase === "failed")) this.#stopping = true;
    if (!this.#stopping) return;
    for (const member of fronts) this.#stopOnce(member);
    if (fronts.every(isStill)) for (const member of servers) this.#stopOnce(member);
    if (!this.#members.every(isStill)) return;
    this.#finished.resolve(this.#members.some((member) => member.unit.state.phase === "failed") ? 1 : 0);
  }

  #stopOnce(member: Member): void {
    const { state } = member.unit;
    const underWay = state.phase === "draining" || state.phase === "stopping";
    if (!isStill(member) && !(underWay && state.next.kind !== "restart")) this.#send(member, { kind: "stop" });
  }

  #showProgress(member: Member): void {
    const { state, names } = member.unit;
    const now = this.#deps.now();
    if (state.phase !== "starting" || now < member.progressAt) return;
    member.progressAt = now + this.#deps.timing.progressMs;
    const missing = names.filter((_, index) => !state.healthy.has(index));
    const head = `${member.supervised.plan.name}: ${state.healthy.size} of ${names.length} healthy`;
    const sinceSecs = Math.round((now - state.since) / 1000);
    this.#deps.note("info", `${head} after ${sinceSecs} s; waiting for ${missing.join(", ")}`);
  }
}

function isStill(member: Member): boolean {
  const { phase } = member.unit.state;
  return phase === "stopped" || phase === "failed";
}
