/**
 * SIGHUP: reads the configuration and register.yaml again and hands both to the running parts. All or nothing: with a mistake in
 * either file nothing changes. Requests under way keep what they began with. Used by serve.ts.
 */
import { planReload } from "../config/reload.ts";
import type { Environment, ReadFile } from "../config/load.ts";
import type { Config } from "../config/schema.ts";
import type { Logger } from "../log/logger.ts";
import type { RegistryService } from "../registry/service.ts";
import { readsReports } from "../scheduler/policies/index.ts";
import type { ServiceNotifier } from "../systemd/service-notifier.ts";
import type { WorkerPool } from "../worker/pool.ts";

export interface Invocation {
  /** Of the start: a reload reads the same file under the same flags. */
  readonly args: readonly string[];
  readonly env: Environment;
  readonly readFile: ReadFile;
}

export interface ReloadTargets {
  readonly pool: WorkerPool;
  readonly registry: RegistryService;
  readonly log: Logger;
  readonly notifier: ServiceNotifier;
}

export class Reloader {
  readonly #invocation: Invocation;
  readonly #targets: ReloadTargets;
  #config: Config;
  #busy = false;
  #again = false;

  constructor(config: Config, invocation: Invocation, targets: ReloadTargets) {
    this.#config = config;
    this.#invocation = invocation;
    this.#targets = targets;
  }

  /** What the router runs with now. */
  get config(): Config {
    return this.#config;
  }

  /** Requests during a reload are answered by one more, since the files may have changed after they were read. */
  async reload(): Promise<void> {
    this.#again = true;
    if (this.#busy) return;
    this.#busy = true;
    const { notifier, log } = this.#targets;
    while (this.#again) {
      this.#again = false;
      notifier.reloading();
      const problems = await this.#once();
      for (const problem of problems) log.error(`Reload failed, nothing is changed: ${problem}`);
      notifier.reloaded(problems.join("; "));
    }
    this.#busy = false;
  }

  /** The problems; empty when the reload was done. */
  async #once(): Promise<readonly string[]> {
    const { args, env, readFile } = this.#invocation;
    const { pool, registry, log } = this.#targets;
    try {
      const plan = planReload(args, env, readFile, this.#config);
      if (plan.kind === "invalid") return plan.problems;
      const problems = await registry.checkRegisterFile();
      if (problems.length > 0) return problems;
      for (const warning of plan.warnings) log.warn(warning);
      this.#config = plan.config;
      log.configure(plan.config.log);
      const { manager, scheduler, server } = plan.config;
      registry.configure(manager, readsReports(scheduler, server.splitwise));
      await pool.configure({ proxy: plan.config.server, scheduler: plan.config.scheduler, log: plan.config.log });
      await registry.reload();
      log.info(`Reloaded: ${plan.changes.length === 0 ? "no option has changed" : plan.changes.join(", ")}`);
      return [];
    } catch (error) {
      // A mistake of ours must not end a router that serves.
      return [error instanceof Error ? (error.stack ?? error.message) : String(error)];
    }
  }
}
