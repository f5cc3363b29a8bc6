/** A supervisor on a host without processes: the test owns the clock, the exits, the probes and the router. */
import type { ServerPlan } from "../../../src/launcher/fleet-plan.ts";
import type { EngineLoad } from "../../../src/launcher/health.ts";
import type { ServerExit } from "../../../src/launcher/process.ts";
import { Supervisor } from "../../../src/launcher/supervise.ts";
import type { SupervisedUnit } from "../../../src/launcher/supervisor-contract.ts";
import type { UnitLimits } from "../../../src/launcher/unit.ts";

const LIMITS: UnitLimits = {
  startLimitMs: 10_000,
  hangLimitMs: 5000,
  drainMs: 3000,
  graceMs: 2000,
  restart: true,
  restartDelayMs: 100,
  restartDelayMaxMs: 1000,
  crashLimit: 3,
  crashWindowMs: 60_000,
};

export class FakeHost {
  now = 0;
  /** Everything that was done, in order: `start a`, `terminate a`, `drain a,b`. */
  readonly done: string[] = [];
  readonly notes: string[] = [];
  /** Servers that answer their probe. */
  readonly well = new Set<string>();
  readonly load = new Map<string, EngineLoad>();
  readonly registered = new Set<string>();
  /** Drains end at once; or when the test calls one of these. */
  holdDrains = false;
  readonly heldDrains: (() => void)[] = [];
  readonly supervisor: Supervisor;
  readonly #exits = new Map<string, (exit: ServerExit) => void>();
  readonly #unstartable = new Set<string>();
  #nextPid = 100;

  constructor(
    units: readonly (readonly string[])[],
    options: { readonly router?: boolean; readonly front?: string } = {},
  ) {
    const supervised: SupervisedUnit[] = units.map((names) => ({
      plan: { name: names.length === 1 ? (names[0] ?? "") : "group", servers: names.map(planServer) },
      limits: LIMITS,
      startAt: 0,
      front: names[0] === options.front,
    }));
    this.supervisor = new Supervisor(supervised, {
      now: () => this.now,
      start: ({ name }) => this.#start(name),
      probe: ({ name }) => Promise.resolve(this.well.has(name)),
      scrape: ({ name }) => Promise.resolve(this.load.get(name) ?? null),
      router: options.router === false ? null : this.#router(),
      note: (level, text) => this.notes.push(level === "info" ? text : `${level} ${text}`),
      timing: { probeMs: 1000, scrapeMs: 1000, drainMs: 3000, sweepGraceMs: 500, progressMs: 4000 },
    });
  }

  /** Lets time pass, in ticks of 100 ms. */
  async pass(ms: number): Promise<void> {
    for (const end = this.now + ms; this.now < end;) {
      this.now += 100;
      this.supervisor.tick();
      await settled();
    }
  }

  /** All servers are up. */
  async up(...names: readonly string[]): Promise<void> {
    for (const name of names) this.well.add(name);
    await this.pass(700);
  }

  async exit(name: string, code = 1): Promise<void> {
    this.#exits.get(name)?.({ code, signal: null });
    this.#exits.delete(name);
    await settled();
  }

  isAlive(name: string): boolean {
    return this.#exits.has(name);
  }

  refuseStart(name: string): void {
    this.#unstartable.add(name);
  }

  phases(): Readonly<Record<string, string>> {
    return Object.fromEntries(this.supervisor.view().map((server) => [server.name, server.phase]));
  }

  #start(name: string) {
    if (this.#unstartable.has(name)) throw new Error("no such program");
    if (this.isAlive(name)) throw new Error(`${name} was started while it ran`);
    this.done.push(`start ${name}`);
    const exited = Promise.withResolvers<ServerExit>();
    this.#exits.set(name, exited.resolve);
    return {
      pid: this.#nextPid++,
      exited: exited.promise,
      terminate: () => void this.done.push(`terminate ${name}`),
      kill: () => void this.done.push(`kill ${name}`),
      sweep: () => Promise.resolve(0),
    };
  }

  #router() {
    return {
      register: ({ name }: ServerPlan) => {
        this.done.push(`register ${name}`);
        this.registered.add(name);
      },
      isRegistered: ({ name }: ServerPlan) => this.registered.has(name),
      report: ({ name }: ServerPlan, load: EngineLoad) => void this.done.push(`report ${name} ${load.running}`),
      drain: (servers: readonly ServerPlan[]) => {
        this.done.push(`drain ${servers.map(({ name }) => name).join(",")}`);
        return this.holdDrains ? new Promise<void>((resolve) => this.heldDrains.push(resolve)) : Promise.resolve();
      },
      leave: ({ name }: ServerPlan) => {
        if (this.registered.delete(name)) this.done.push(`leave ${name}`);
      },
    };
  }
}

function planServer(name: string): ServerPlan {
  return {
    name,
    command: [name],
    environment: {},
    host: "127.0.0.1",
    port: 1,
    metricsPort: 1,
    registration: { role: "mixed", port: 1 },
  };
}

/** All that was waiting to run has run. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
