/** Starts a router with its mock engines for one policy's replay, and stops them whatever happens. Called by demo.ts. */
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Child } from "./child.ts";
import { ENGINE_PRESET, ENGINE_SLOTS } from "./engine-cost.ts";
import { listInstances, waitUntilServing } from "./readiness.ts";

export interface FleetPlan {
  readonly policy: string;
  readonly instances: number;
  readonly workers: number;
  readonly timeScale: number;
  /** Longest prompt and answer together. */
  readonly maxTokens: number;
}

const HOST = "127.0.0.1";
/** Children that run now: killed when the demo's process ends by any way that still runs code. */
const RUNNING = new Set<Child>();
process.on("exit", () => {
  for (const child of RUNNING) child.killNow();
});

export class Fleet {
  readonly routerUrl: string;
  readonly #children: Child[] = [];
  readonly #configPath: string;
  #instanceUrls: readonly string[] = [];

  private constructor(routerPort: number, configPath: string) {
    this.routerUrl = `http://${HOST}:${routerPort}`;
    this.#configPath = configPath;
  }

  /** Resolves when every engine is registered and the router is ready. */
  static async start(plan: FleetPlan, signal: AbortSignal): Promise<Fleet> {
    const routerPort = freePort();
    const configPath = join(tmpdir(), `fd-router-demo-${process.pid}-${plan.policy}.yaml`);
    const fleet = new Fleet(routerPort, configPath);
    try {
      await Bun.write(configPath, routerConfig(plan, routerPort));
      await fleet.#launch(plan, routerPort, signal);
      return fleet;
    } catch (error) {
      await fleet.stop();
      throw error;
    }
  }

  /** As the router names them in its answers. */
  get instanceUrls(): readonly string[] {
    return this.#instanceUrls;
  }

  /** Rejects when the router or an engine ends by itself; never resolves. */
  get broken(): Promise<never> {
    return Promise.race(this.#children.map((child) => child.died));
  }

  /** What the router said, for one who asks why requests failed; empty when it said nothing. */
  get routerWords(): string {
    return this.#children[0]?.lastWords ?? "";
  }

  async stop(): Promise<void> {
    await Promise.all(this.#children.map((child) => child.stop()));
    for (const child of this.#children) RUNNING.delete(child);
    await rm(this.#configPath, { force: true });
  }

  async #launch(plan: FleetPlan, routerPort: number, signal: AbortSignal): Promise<void> {
    this.#spawn("the router", ["serve", "--config_path", this.#configPath]);
    await Promise.race([this.broken, waitUntilServing(this.routerUrl, 0, signal)]);
    for (let i = 0; i < plan.instances; i++) this.#spawn("an engine", engineArgs(plan, routerPort));
    await Promise.race([this.broken, waitUntilServing(this.routerUrl, plan.instances, signal)]);
    this.#instanceUrls = ((await listInstances(this.routerUrl)) ?? []).toSorted();
  }

  #spawn(name: string, args: readonly string[]): void {
    const child = new Child(name, args);
    RUNNING.add(child);
    this.#children.push(child);
  }
}

/**
 * JSON is YAML too. The clocks are generous: router, engines and load share one machine, and when that is busy with something else
 * an engine that answers late is not a broken one.
 */
function routerConfig(plan: FleetPlan, port: number): string {
  return JSON.stringify({
    server: { host: HOST, port: String(port), workers: plan.workers, "connect-timeout-secs": 15 },
    manager: { "health-check-timeout-secs": 15, "health-failure-threshold": 3, "registration-port": 0 },
    scheduler: { policy: plan.policy },
    log: { level: "warn", access: false },
  });
}

function engineArgs(plan: FleetPlan, routerPort: number): string[] {
  const flags = {
    host: HOST,
    // The system chooses; the engine registers with the port that it got.
    port: 0,
    router: `${HOST}:${routerPort}`,
    "advertise-host": HOST,
    "register-interval-secs": 1,
    preset: ENGINE_PRESET,
    "max-num-seqs": ENGINE_SLOTS,
    "max-model-len": plan.maxTokens + 64,
    "time-scale": plan.timeScale,
  };
  return ["mock-engine", ...Object.entries(flags).flatMap(([name, value]) => [`--${name}`, String(value)])];
}

const FIRST_PORT = 20_000;
/** Where Linux begins to take ports for outgoing connections, one of which could be quicker than the router. */
const FIRST_EPHEMERAL_PORT = 32_768;
const PORT_TRIES = 100;

function freePort(): number {
  for (let i = 0; i < PORT_TRIES; i++) {
    const port = FIRST_PORT + Math.floor(Math.random() * (FIRST_EPHEMERAL_PORT - FIRST_PORT));
    try {
      Bun.listen({ hostname: HOST, port, socket: { data: () => {} } }).stop(true);
      return port;
    } catch {
      // Taken: draw another.
    }
  }
  throw new Error(`found no free port for the router between ${FIRST_PORT} and ${FIRST_EPHEMERAL_PORT}`);
}
