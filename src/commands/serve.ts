/** `fd-router [serve]`: configuration, log, registry, worker threads, signals, and an orderly end. */
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { metricsPage } from "../admin/metrics-page.ts";
import { resolveListenPort } from "../config/listen-port.ts";
import type { Config } from "../config/schema.ts";
import { fatalText, loadServeConfig } from "../config/serve-config.ts";
import type { ControlReply, ControlRequest } from "../fleet/control.ts";
import { programName } from "../lib/program-name.ts";
import { Logger } from "../log/logger.ts";
import { createRegistry, type RegistryService } from "../registry/service.ts";
import { isPortTaken } from "../worker/port-check.ts";
import { WorkerPool } from "../worker/pool.ts";
import type { Command } from "./command.ts";

export const command: Command = {
  name: "serve",
  summary: "Route requests to the fleet (the default command)",
  async run(args) {
    const loaded = loadServeConfig(args, process.env, readText, { programName: programName(), now: new Date() });
    if (loaded.kind === "exit") {
      process.stdout.write(loaded.stdout);
      process.stderr.write(loaded.stderr);
      return loaded.code;
    }
    const { config } = loaded;
    const log = new Logger(config.log);
    for (const warning of loaded.warnings) log.warn(warning);
    const resolved = resolveListenPort(config.server.port, readText);
    if (!resolved.ok) return cannotStart(log, resolved.message);
    return serve(config, resolved.port, log);
  },
};

async function serve(config: Config, port: number, log: Logger): Promise<number> {
  const { host } = config.server;
  const registry = createRegistry(config.manager, { splitwise: config.server.splitwise, routerPort: port, log });
  const pool = new WorkerPool(
    {
      hostname: host,
      port,
      workers: workersOf(config),
      splitwise: config.server.splitwise,
      seed: crypto.getRandomValues(new Uint32Array(1))[0] ?? 0,
      proxy: config.server,
      scheduler: config.scheduler,
      log: config.log,
    },
    {
      control: (request) => control(request, registry, pool, log),
      lines: (text) => log.lines(text),
      observed: (id) => registry.observe(id),
      warn: (message) => log.warn(message),
      error: (message) => log.error(message),
    },
  );
  registry.onSnapshot((snapshot) => pool.publish(snapshot));
  log.info(`Starting server on ${host}:${port}`);
  try {
    if (isPortTaken(host, port)) throw new Error(`listen tcp ${host}:${port}: bind: address already in use`);
    await registry.start();
    const actual = await pool.start();
    if (port === 0) log.info(`Listening on port ${actual}`);
  } catch (error) {
    await registry.stop();
    pool.stop();
    return cannotStart(log, error instanceof Error ? error.message : String(error));
  }
  const progress = setInterval(() => registry.inFlight(pool.inFlight()), 250);
  process.on("SIGUSR2", () => pool.crashOne());
  await endSignal();
  clearInterval(progress);
  const clean = await drain(pool, config, log);
  await registry.stop();
  pool.stop();
  log.info(clean ? "Stopped, every answer was completed" : "Stopped, some answers were cut");
  await log.flush(1000);
  // Not left to the event loop: a client that keeps its half of a connection open must not hold the process.
  return process.exit(0);
}

async function control(
  request: ControlRequest,
  registry: RegistryService,
  pool: WorkerPool,
  log: Logger,
): Promise<ControlReply> {
  if (request.path !== "/metrics") return registry.handle(request);
  return metricsPage({ figures: await pool.figures(), snapshot: registry.snapshot(), logDropped: log.dropped });
}

/** No new connections; answers get their time to end, streams longer, and a second signal ends it all at once. */
async function drain(pool: WorkerPool, config: Config, log: Logger): Promise<boolean> {
  const shortMs = config.server["drain-timeout-secs"] * 1000;
  const streamMs = config.server["stream-drain-timeout-secs"] * 1000;
  log.info(`Stopping: running answers have ${shortMs / 1000} s, streams ${streamMs / 1000} s`);
  void endSignal().then(() => process.exit(1));
  if (await pool.drain(shortMs)) return true;
  pool.cut("all-but-streams");
  if (await pool.drain(Math.max(0, streamMs - shortMs))) return true;
  pool.cut("all");
  await pool.drain(1000);
  return false;
}

function endSignal(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => resolve());
  });
}

function workersOf(config: Config): number {
  const { workers } = config.server;
  if (process.platform !== "linux") return 1;
  return workers > 0 ? workers : availableParallelism();
}

async function cannotStart(log: Logger, message: string): Promise<number> {
  await log.flush(1000);
  process.stderr.write(fatalText(`Failed to start server: ${message}`, new Date()));
  return 1;
}

function readText(path: string): string {
  return readFileSync(path, "utf8");
}
