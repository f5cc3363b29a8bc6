/** Runs a planned fleet: wires the real processes, clock, router and output to the supervisor, and signals to what they mean. Called by launch.ts. */
import { mkdirSync } from "node:fs";
import { selfCommand } from "../lib/self-command.ts";
import { BoundedWriter } from "./bounded-writer.ts";
import type { FleetPlan } from "./fleet-plan.ts";
import { probeHealth, scrapeLoad } from "./health.ts";
import { startKeeper } from "./keeper.ts";
import type { LaunchOptions } from "./options.ts";
import { createOutput } from "./output.ts";
import { parentDeathTie } from "./parent-death.ts";
import { startServer } from "./process.ts";
import { NO_ROUTER } from "./router-link.ts";
import { type SupervisedUnit, Supervisor } from "./supervise.ts";
import type { UnitLimits } from "./unit.ts";

const TICK_MS = 50;
const PROGRESS_MS = 15_000;
/** What a dead server leaves behind gets this long to end by itself. */
const SWEEP_GRACE_MS = 5000;

/** Resolves with the exit code. `releasePorts` is called right before the first server starts. */
export async function runFleet(plan: FleetPlan, options: LaunchOptions, releasePorts: () => void): Promise<number> {
  const launchId = crypto.randomUUID();
  const writer = new BoundedWriter(Bun.stdout.writer());
  const output = createOutput({
    writer,
    colour: process.stdout.isTTY,
    serverNames: plan.units.flatMap((unit) => unit.servers.map((server) => server.name)),
    now: () => new Date(),
  });
  for (const note of plan.notes) output.note("info", note);
  for (const folder of plan.folders) mkdirSync(folder, { recursive: true });
  const graceMs = options["grace-secs"] * 1000;
  const keeper = startKeeper(selfCommand(), launchId, graceMs);
  const tie = parentDeathTie();
  releasePorts();
  const supervisor = new Supervisor(supervisedUnits(plan, options, performance.now()), {
    now: () => performance.now(),
    start: (server) => {
      const onLine = (line: string): void => output.serverLine(server.name, line);
      const started = startServer(server, { launchId, tie, onLine });
      keeper.watch(started.pid);
      void started.exited.then(() => keeper.forget(started.pid));
      return started;
    },
    probe: (server) =>
      probeHealth(server, server.healthPath ?? options["health-path"], options["health-timeout-secs"] * 1000),
    scrape: (server) => scrapeLoad(server, options["health-timeout-secs"] * 1000),
    router: NO_ROUTER,
    note: output.note,
    timing: {
      probeMs: options["health-interval-secs"] * 1000,
      scrapeMs: options["report-interval-secs"] * 1000,
      drainMs: options["drain-secs"] * 1000,
      sweepGraceMs: SWEEP_GRACE_MS,
      progressMs: PROGRESS_MS,
    },
  });
  obeySignals(supervisor);
  const ticking = setInterval(() => supervisor.tick(), TICK_MS);
  const exitCode = await supervisor.finished;
  clearInterval(ticking);
  await keeper.dismiss();
  output.note("info", "All servers stopped.");
  await writer.settle(1000);
  return exitCode;
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
  return plan.units.map((unit, index) => ({ plan: unit, limits, startAt: now + index * staggerMs, front: false }));
}

/** The first SIGTERM or SIGINT stops in order, the second at once; SIGHUP restarts one by one. */
function obeySignals(supervisor: Supervisor): void {
  let asked = false;
  const end = (): void => {
    if (asked) supervisor.stopNow();
    else supervisor.stop();
    asked = true;
  };
  process.on("SIGTERM", end);
  process.on("SIGINT", end);
  process.on("SIGHUP", () => supervisor.rollingRestart());
}
