/** Starts a router with its mock engines for one policy's replay, and stops them whatever happens. Called by demo.ts. */
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Child } from "./child.ts";
import { ENGINE_PRESET, ENGINE_SLOTS } from "./engine-cost.ts";
import { waitUntilServing } from "./readiness.ts";

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
  /** As the router names them in its answers, in the order of starting. */
  readonly instanceUrls: readonly string[];
  readonly #children: Child[] = [];
  readonly #configPath: string;

  private constructor(ports: readonly number[], configPath: string) {
    const [routerPort = 0, ...enginePorts] = ports;
    this.routerUrl = `http://${HOST}:${routerPort}`;
    this.instanceUrls = enginePorts.map((port) => `http://${HOST}:${port}`);
    this.#configPath = configPath;
  }

  /** Resolves when every engine is registered and the router is ready. */
  static async start(plan: FleetPlan, signal: AbortSignal): Promise<Fleet> {
    const ports = freePorts(plan.instances + 1);
    const configPath = join(tmpdir(), `fd-router-demo-${process.pid}-${plan.policy}.yaml`);
    const fleet = new Fleet(ports, configPath);
    try {
      await Bun.write(configPath, routerConfig(plan, ports[0] ?? 0));
      await fleet.#launch(plan, ports, signal);
      return fleet;
    } catch (error) {
      await fleet.stop();
      throw error;
    }
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

  async #launch(
    plan: FleetPlan,
    [routerPort = 0, ...enginePorts]: readonly number[],
    signal: AbortSignal,
  ): Promise<void> {
    this.#spawn("the router", ["serve", "--config_path", this.#configPath]);
    await Promise.race([this.broken, waitUntilServing(this.routerUrl, 0, signal)]);
    for (const [index, port] of enginePorts.entries()) {
      this.#spawn(`engine #${index + 1}`, engineArgs(plan, port, routerPort));
    }
    await Promise.race([this.broken, waitUntilServing(this.routerUrl, plan.instances, signal)]);
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

function engineArgs(plan: FleetPlan, port: number, routerPort: number): string[] {
  const flags = {
    host: HOST,
    port,
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

/** All held at once, so that they differ; free again when this returns. */
function freePorts(count: number): number[] {
  const holders = Array.from({ length: count }, () =>
    Bun.listen({ hostname: HOST, port: 0, socket: { data: () => {} } }),
  );
  const ports = holders.map((holder) => holder.port);
  for (const holder of holders) holder.stop(true);
  return ports;
}
