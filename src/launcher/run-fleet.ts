/** Runs a planned fleet: wires the real processes, clock, router and output to the supervisor, and signals to what they mean. Called by launch.ts. */
import { mkdirSync } from "node:fs";
import { selfCommand } from "../lib/self-command.ts";
import type { FleetPlan, ServerPlan } from "./fleet-plan.ts";
import { probeHealth, scrapeLoad } from "./health.ts";
import { watchTerminal } from "./hang-up.ts";
import { Keeper } from "./keeper.ts";
import type { LaunchOptions } from "./options.ts";
import { parentDeathTie } from "./parent-death.ts";
import { pidFileOf, writePidFile } from "./pid-file.ts";
import { startServer } from "./process.ts";
import { connectRouter, linkRouter, registerThemselves } from "./router-link.ts";
import { openShow, type Show } from "./show.ts";
import { serveStatus } from "./status.ts";
import { Supervisor } from "./supervise.ts";
import type { SupervisedUnit, SupervisorDeps } from "./supervisor-contract.ts";
import type { UnitLimits } from "./unit.ts";

const TICK_MS = 50;
const PROGRESS_MS = 15_000;
const SWEEP_GRACE_MS = 5000;

/** Resolves with the exit code. `releasePorts` is called right before the first server starts. */
export async function runFleet(plan: FleetPlan, options: LaunchOptions, releasePorts: () => void): Promise<number> {
  const show = openShow(
    options,
    plan.units.flatMap((unit) => unit.servers.map((server) => server.name)),
  );
  for (const note of plan.notes) show.note("info", note);
  for (const folder of plan.folders) mkdirSync(folder, { recursive: true });
  const launchId = crypto.randomUUID();
  const { router } = options;
  const connection =
    router === undefined ? null : await connectRouter({ ...options, router }, registerThemselves(plan), show.note);
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
    timing: {
      probeMs: options["health-interval-secs"] * 1000,
      scrapeMs: options["report-interval-secs"] * 1000,
      drainMs: options["drain-secs"] * 1000,
      sweepGraceMs: SWEEP_GRACE_MS,
      progressMs: PROGRESS_MS,
    },
  });
  const leaveSurroundings = appear(supervisor, options, show);
  const ticking = setInterval(() => supervisor.tick(), TICK_MS);
  const exitCode = await supervisor.finished;
  clearInterval(ticking);
  leaveSurroundings();
  await connection?.registrar.close();
  await keeper.dismiss();
  show.note("info", "All servers stopped.");
  await show.close();
  return exitCode;
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

/** Signals, pid file, status port and board. Returns how to take them away again. */
function appear(supervisor: Supervisor, options: LaunchOptions, show: Show): () => void {
  obeySignals(supervisor);
  const pidFile = writePidFile(pidFileOf(options));
  if ("problem" in pidFile) show.note("warn", pidFile.problem);
  const view = () => supervisor.view();
  const statusPort = options["status-port"];
  const status = statusPort === undefined ? null : serveStatus(options["status-host"], statusPort, view);
  if (status !== null) show.note("info", `status at http://${options["status-host"]}:${status.port}/status`);
  show.board(view);
  return () => {
    if ("remove" in pidFile) pidFile.remove();
    status?.stop();
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

/** The first SIGTERM or SIGINT stops in order, the second at once; SIGHUP restarts one by one. */
function obeySignals(supervisor: Supervisor): void {
  const askHangUp = watchTerminal();
  let asked = false;
  const end = (): void => {
    if (asked) supervisor.stopNow();
    else supervisor.stop();
    asked = true;
  };
  process.on("SIGTERM", end);
  process.on("SIGINT", end);
  process.on("SIGHUP", () => {
    const meaning = askHangUp();
    if (meaning === "asked") supervisor.rollingRestart();
    if (meaning === "terminal closed") end();
  });
}
