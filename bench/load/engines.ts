/** The engine's process: started once, all arms stand in front of it. */
import type { Subprocess } from "bun";
import { endProcess, pinned } from "../arms/pinned-process.ts";
import { usageOf } from "./process-usage.ts";

/** The same for all arms, so that programs which are configured by hand can be measured too. */
export const ENGINE_PORTS: readonly number[] = [19001, 19002, 19003, 19004];

export class Engines {
  readonly #child: Subprocess;
  readonly ports = ENGINE_PORTS;

  private constructor(child: Subprocess) {
    this.#child = child;
  }

  static async start(cores: string): Promise<Engines> {
    const script = new URL("./engine.ts", import.meta.url).pathname;
    const child = Bun.spawn(pinned([process.execPath, script, ...ENGINE_PORTS.map(String)], cores), {
      stdin: "ignore",
      stdout: "pipe",
      stderr: "inherit",
    });
    const { value } = await child.stdout.getReader().read();
    if (value === undefined) throw new Error(`the engine cannot listen on ports ${ENGINE_PORTS.join(", ")}`);
    return new Engines(child);
  }

  get cpuNs(): number {
    return usageOf(this.#child.pid).cpuNs;
  }

  /** Connections accepted since the start. */
  async opened(): Promise<number> {
    const answer = await fetch(`http://127.0.0.1:${this.ports[0]}/stats`, { keepalive: false });
    const stats: unknown = await answer.json();
    return typeof stats === "object" && stats !== null && "opened" in stats ? Number(stats.opened) : Number.NaN;
  }

  async stop(): Promise<void> {
    await endProcess(this.#child);
  }
}
