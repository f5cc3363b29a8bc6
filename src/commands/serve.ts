/** `fd-router [serve]`: configuration, log, registry, worker threads, signals, and an orderly end. */
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { metricsPage } from "../admin/metrics-page.ts";
import { resolveListenPort } from "../config/listen-port.ts";
import type { Config } from "../config/schema.ts";
import { fatalText, loadServeConfig } from "../config/serve-config.ts";
import type { ControlReply, ControlRequest } from "../fleet/control.ts";
import { programName } from "../lib/program-name.ts";
import type { Logger } from "../log/logger.ts";
import { withPriority } from "../log/priority.ts";
import { createRegistry, type RegistryService } from "../registry/service.ts";
import { readsReports } from "../scheduler/policies/index.ts";
import { isJournal } from "../systemd/journal-stream.ts";
import { openNotifySocket } from "../systemd/notify-socket.ts";
import { ServiceNotifier, watchdogOf } from "../systemd/service-notifier.ts";
import { ServiceStatus } from "../systemd/service-status.ts";
import { isPortTaken } from "../worker/port-check.ts";
import { WorkerPool } from "../worker/pool.ts";
import type { Command } from "./command.ts";
import { openLog } from "./open-log.ts";
import { drain } from "./serve-drain.ts";
import { Reloader } from "./serve-reload.ts";
import { statsLine } from "./stats-line.ts";
import { endSignal, watchHangUps } from "./serve-signals.ts";

export const command: Command = {
  name: "serve",
  summary: "Route requests to the fleet (the default command)",
  async run(args) {
    const loaded = loadServeConfig(args, process.env, readText, { programName: programName(), now: new Date() });
    if (loaded.kind === "exit") {
      process.stdout.write(loaded.stdout);
      complain(loaded.stderr);
      return loaded.code;
    }
    const { config } = loaded;
    let log: Logger;
    try {
      log = openLog(config.log);
    } catch (error) {
      complain(fatalText(`Failed to create rotating log writer: ${textOf(error)}`, new Date()));
      return 1;
    }
    for (const warning of loaded.warnings) log.warn(warning);
    const resolved = resolveListenPort(config.server.port, readText);
    if (!resolved.ok) {
      log.info(startText(config));
      return cannotStart(log, resolved.message);
    }
    return serve(config, resolved.port, log, args);
  },
};

interface Parts {
  readonly registry: RegistryService;
  readonly pool: WorkerPool;
  readonly log: Logger;
}

async function serve(config: Config, port: number, log: Logger, args: readonly string[]): Promise<number> {
  const onHangUp = watchHangUps();
  // From the first moment on: who sees the port open may already send it.
  const ended = endSignal();
  const parts = assemble(config, port, log);
  const { registry, pool } = parts;
  try {
    await start(parts, config, port);
  } catch (error) {
    await registry.stop();
    pool.stop();
    return cannotStart(log, textOf(error));
  }
  const notifier = notifierOf(parts);
  const reloader = new Reloader(config, { args, env: process.env, readFile: readText }, { ...parts, notifier });
  const progress = setInterval(() => registry.inFlight(pool.inFlight()), 250);
  const statsMs = config.scheduler["stats-interval-secs"] * 1000;
  const writeStats = statsWriter(parts);
  const stats = setInterval(() => {
    if (reloader.config.log.format === "go") writeStats();
  }, statsMs);
  process.on("SIGUSR2", () => pool.crashOne());
  onHangUp(() => void reloader.reload());
  notifier.ready();
  await ended;
  notifier.stopping();
  void endSignal().then(() => process.exit(1));
  const clean = await drain(pool, reloader.config.server, log);
  clearInterval(progress);
  clearInterval(stats);
  await registry.stop();
  pool.stop();
  log.info(clean ? "Stopped, every answer was completed" : "Stopped, some answers were cut");
  await log.flush(1000);
  // Not left to the event loop: a client that keeps its half of a connection open must not hold the process.
  return process.exit(0);
}

function assemble(config: Config, port: number, log: Logger): Parts {
  const { splitwise } = config.server;
  const registry = createRegistry(config.manager, {
    splitwise,
    routerPort: port,
    log,
    reportsWanted: readsReports(config.scheduler, splitwise),
  });
  const pool = new WorkerPool(
    {
      hostname: config.server.host,
      port,
      workers: workersOf(config),
      splitwise,
      front: config.server.front,
      seed: crypto.getRandomValues(new Uint32Array(1))[0] ?? 0,
      proxy: config.server,
      scheduler: config.scheduler,
      log: config.log,
    },
    {
      fleet: () => registry.snapshot(),
      control: (request) => control(request, parts),
      lines: (lines) => log.lines(lines),
      observed: (id) => registry.observe(id),
      info: (message) => log.info(message),
      warn: (message) => log.warn(message),
      error: (message) => log.error(message),
    },
  );
  const parts = { registry, pool, log };
  registry.onSnapshot((snapshot) => pool.publish(snapshot));
  registry.onReports((reports) => pool.report(reports));
  return parts;
}

/** Resolves when every worker thread listens. */
async function start({ registry, pool, log }: Parts, config: Config, port: number): Promise<void> {
  const { host } = config.server;
  const isTaken = isPortTaken(host, port);
  if (!isTaken) {
    // They load their code while static instances are probed.
    pool.load();
    await registry.start();
  }
  log.info(startText(config));
  if (isTaken) throw new Error(`listen tcp ${host}:${port}: bind: address already in use`);
  const actual = await pool.start();
  if (port === 0) log.info(`Listening on port ${actual}`);
}

/** Sessions are told for the time since the last line. */
function statsWriter({ registry, pool, log }: Parts): () => void {
  let before = pool.sessions();
  return () => {
    const now = pool.sessions();
    const since = { hits: now.hits - before.hits, total: now.total - before.total };
    before = now;
    log.info(statsLine(registry.snapshot(), pool.inFlight(), since));
  };
}

/** The port as it was given, which may be the name of a service. */
function startText({ server }: Config): string {
  return `Starting server on ${server.host}:${server.port}`;
}

async function control(request: ControlRequest, { registry, pool, log }: Parts): Promise<ControlReply> {
  if (request.path !== "/metrics") return registry.handle(request);
  return metricsPage({ figures: await pool.figures(), snapshot: registry.snapshot(), logDropped: log.dropped });
}

const now = (): number => performance.now();

/** Tells systemd of the service as long as the process lives; nobody else is told. */
function notifierOf({ pool, registry }: Parts): ServiceNotifier {
  const status = new ServiceStatus(now());
  const socket = openNotifySocket(process.env["NOTIFY_SOCKET"]);
  const notifier = new ServiceNotifier(socket, watchdogOf(process.env, process.pid), {
    alive: () => pool.answers,
    status: () => status.line({ ...pool.totals(), snapshot: registry.snapshot() }, now()),
  });
  if (socket !== null) setInterval(() => notifier.tick(now()), notifier.tickMs);
  return notifier;
}

function workersOf(config: Config): number {
  const { workers } = config.server;
  if (process.platform !== "linux") return 1;
  return workers > 0 ? workers : availableParallelism();
}

async function cannotStart(log: Logger, message: string): Promise<number> {
  await log.flush(1000);
  complain(fatalText(`Failed to start server: ${message}`, new Date()));
  return 1;
}

/** What keeps the router from starting; in the journal it has the priority of an error. */
function complain(text: string): void {
  const inJournal = text !== "" && isJournal(2, process.env["JOURNAL_STREAM"]);
  process.stderr.write(inJournal ? withPriority("error", text) : text);
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function readText(path: string): string {
  return readFileSync(path, "utf8");
}
