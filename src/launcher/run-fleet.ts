/** Runs a planned fleet: wires the real processes, clock, router and output to the supervisor, and signals to what they mean. Called by launch.ts. */
import { mkdirSync } from "node:fs";
import { selfCommand } from "../lib/self-command.ts";
import type { FleetPlan, ServerPlan } from "./fleet-plan.ts";
import { probeHealth, scrapeLoad } from "./health.ts";
import { watchTerminal } from "./hang-up.ts";
import { Keeper } from "./keeper.ts";
import { preparing } from "./launch-problem.ts";
import type { LaunchOptions } from "./options.ts";
import { parentDeathTie } from "./parent-death.ts";
import { logFolderOf, pidFileOf, writePidFile } from "./pid-file.ts";
import { startServer } from "./process.ts";
import { connectRouter, linkRouter, registerThemselves } from "./router-link.ts";
import { openServiceLink } from "./service-link.ts";
import { openShow, type Show } from "./show.ts";
import { serveStatus } from "./status.ts";
import { Supervisor } from "./supervise.ts";
import type { SupervisedUnit, SupervisorDeps, SupervisorTiming } from "./supervisor-contract.ts";
import type { UnitLimits } from "./unit.ts";

/** What `--rolling-restart` sends: SIGHUP means the same, but may also come from a terminal that was closed. */
export const ROLLING_RESTART_SIGNAL = "SIGUSR2";

const TICK_MS = 50;
const PROGRESS_MS = 15_000;
const SWEEP_GRACE_MS = 5000;

/**
 * Resolves with the exit code. Throws a LaunchProblem before anything is started; `releasePorts` is called right before the first server
 * starts.
 */
export async function runFleet(plan: FleetPlan, options: LaunchOptions, releasePorts: () => void): Promise<number> {
  const launchId = crypto.randomUUID();
  const { show, status, connection } = await prepare(plan, options);
  const graceMs = options["grace-secs"] * 1000;
  const keeper = new Keeper({ selfCommand: selfCommand(), launchId, graceMs, note: show.note });
  releasePorts();
  const supervisor = new Supervisor(supervisedUnits(plan, options, performance.now()), {
    now: () => performance.now(),
    start: starter(launchId, keeper, show),
    probe: (server) =>
      probeHealth(server, server.healthPath ?? options["health-path"], options["health-timeout-secs"] * 1000),
    scrape: (server) => scrapeLoad(server, options["health-timeout-secs"] * 1000),
    router: connection && linkRouter(connection.registrar, connection.hostIp, launchId),
    note: show.note,
    timing: timingOf(options),
  });
  const service = openServiceLink(() => supervisor.view());
  obeySignals(supervisor, () => service.stopping());
  surviveOwnFaults(show);
  const pidFile = writePidFile(pidFileOf(options));
  if ("problem" in pidFile) show.note("warn", pidFile.problem);
  status?.follow(() => supervisor.view());
  show.board(() => supervisor.view());
  const ticking = setInterval(() => supervisor.tick(), TICK_MS);
  const exitCode = await supervisor.finished;
  clearInterval(ticking);
  status?.stop();
  if ("remove" in pidFile) pidFile.remove();
  await connection?.registrar.close();
  await keeper.dismiss();
  show.note("info", "All servers stopped.");
  await show.close();
  return exitCode;
}

/** What can fail because of the options or the host, before the first process. */
async function prepare(plan: FleetPlan, options: LaunchOptions) {
  const names = plan.units.flatMap((unit) => unit.servers.map((server) => server.name));
  const show = preparing(`--log-dir ${logFolderOf(options)}`, () => openShow(options, names));
  for (const note of plan.notes) show.note("info", note);
  for (const folder of plan.folders) {
    preparing(`PROMETHEUS_MULTIPROC_DIR ${folder}`, () => mkdirSync(folder, { recursive: true }));
  }
  const { router, "status-host": host, "status-port": port } = options;
  const connection =
    router === undefined ? null : await connectRouter({ ...options, router }, registerThemselves(plan), show.note);
  const status = port === undefined ? null : preparing(`--status-port ${port}`, () => serveStatus(host, port));
  if (status !== null) show.note("info", `status at http://${host}:${status.port}/status`);
  return { show, status, connection };
}

function timingOf(options: LaunchOptions): SupervisorTiming {
  return {
    probeMs: options["health-interval-secs"] * 1000,
    scrapeMs: options["report-interval-secs"] * 1000,
    drainMs: options["drain-secs"] * 1000,
    sweepGraceMs: SWEEP_GRACE_MS,
    progressMs: PROGRESS_MS,
  };
}

function starter(launchId: string, keeper: Keeper, show: Show): SupervisorDeps["start"] {
  const tie = parentDeathTie();
  return (server: ServerPlan) => {
    const onLine = (line: string): void => show.serverLine(server.name, line);
    const started = startServer(server, { launchId, tie, onLine });
    keeper.watch(started.pid);
    void started.exited.then(() => keeper.forget(started.pid));
    return started;
  };
}

function supervisedUnits(plan: FleetPlan, options: LaunchOptions, now: number): readonly SupervisedUnit[] {
  const limits: UnitLimits = {
    startLimitMs: options["start-limit-secs"] * 1000,
    hangLimitMs: options["hang-limit-secs"] * 1000,
    drainMs: options["drain-secs"] * 1000,
    graceMs: options["grace-secs"] * 1000,
    restart: options.restart === "always",
    restartDelayMs: options["restart-delay-secs"] * 1000,
    restartDelayMaxMs: options["restart-delay-max-secs"] * 1000,
    crashLimit: options["crash-limit"],
    crashWindowMs: options["crash-window-secs"] * 1000,
  };
  const staggerMs = options["stagger-secs"] * 1000;
  const servers = plan.units.map((unit, index) => ({
    plan: unit,
    limits,
    startAt: now + index * staggerMs,
    front: false,
  }));
  if (plan.router === null) return servers;
  // Its requests may take as long as a drain, before the grace time begins.
  const routerLimits = { ...limits, graceMs: limits.drainMs + limits.graceMs };
  return [
    { plan: { name: "router", servers: [plan.router] }, limits: routerLimits, startAt: now, front: true },
    ...servers,
  ];
}

/** If we died of it, the keeper would end a fleet that serves. */
function surviveOwnFaults(show: Show): void {
  const tell = (error: unknown): void =>
    show.note(
      "error",
      `fault of the launcher: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
    );
  process.on("uncaughtException", tell);
  process.on("unhandledRejection", tell);
}

/** The first SIGTERM or SIGINT stops in order, the second at once; SIGHUP restarts one by one. */
function obeySignals(supervisor: Supervisor, onEnd: () => void): void {
  const askHangUp = watchTerminal();
  let asked = false;
  const end = (): void => {
    onEnd();
    if (asked) supervisor.stopNow();
    else supervisor.stop();
    asked = true;
  };
  process.on("SIGTERM", end);
  process.on("SIGINT", end);
  process.on(ROLLING_RESTART_SIGNAL, () => supervisor.rollingRestart());
  process.on("SIGHUP", () => {
    const meaning = askHangUp();
    if (meaning === "asked") supervisor.rollingRestart();
    if (meaning === "terminal closed") end();
  });
}
