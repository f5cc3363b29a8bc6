/** The story of `fd-router launch`: options, plan, checks, then the fleet under supervision until a signal ends it. */
import { selfCommand } from "../lib/self-command.ts";
import { describePlan } from "./dry-run.ts";
import type { FleetPlan } from "./fleet-plan.ts";
import { readHostFacts } from "./host-facts.ts";
import { LaunchProblem } from "./launch-problem.ts";
import { type GroupOptions, type LaunchOptions, TOKEN_VARIABLE } from "./options.ts";
import { pidFileOf, readPidFile } from "./pid-file.ts";
import { addRouter, DEFAULT_ROUTER } from "./plan-router.ts";
import { freePortsWanted, planFleet } from "./plan.ts";
import { holdClaims, holdFreePorts } from "./ports.ts";
import { signalProcess } from "./process-tree.ts";
import { readOptions } from "./read-options.ts";
import { ROLLING_RESTART_SIGNAL, runFleet } from "./run-fleet.ts";

/** Bad input: nothing was started. */
const EXIT_USAGE = 2;

/** Resolves with the exit code. */
export async function launch(argv: readonly string[]): Promise<number> {
  const read = readOptions(argv);
  if (read.kind === "help") {
    process.stdout.write(read.text);
    return 0;
  }
  if (read.kind === "problem") return refuse(read.message);
  if (read.launch["rolling-restart"]) return askRollingRestart(read.launch);
  const options = read.launch["with-router"]
    ? { ...read.launch, router: read.launch.router ?? DEFAULT_ROUTER }
    : read.launch;
  return launchGroups(read.groups, options);
}

async function launchGroups(groups: readonly GroupOptions[], options: LaunchOptions): Promise<number> {
  const host = readHostFacts(options.python);
  const free = holdFreePorts(freePortsWanted(groups, host));
  const result = planFleet(groups, host, free.ports);
  if (!result.ok) {
    free.release();
    return refuse(result.message);
  }
  const plan = options["with-router"] ? withRouter(result.plan, options) : result.plan;
  if (options["dry-run"]) {
    free.release();
    process.stdout.write(describePlan(plan));
    return 0;
  }
  const claims = holdClaims(plan.claims);
  if ("busy" in claims) {
    free.release();
    return refuse(`${claims.busy.flag} ${claims.busy.port}: Port ${claims.busy.port} is not available`);
  }
  const missing = plan.units.flatMap((unit) => unit.servers).find(({ command }) => !isThere(command[0] ?? ""));
  const releasePorts = (): void => {
    free.release();
    claims.release();
  };
  if (missing !== undefined) {
    releasePorts();
    const flag = groups.some((group) => group.command !== undefined) ? "--command" : "--python";
    return refuse(`${flag} ${missing.command[0]}: no such program; wanted one on PATH or a path to it`);
  }
  try {
    return await runFleet(plan, options, releasePorts);
  } catch (error) {
    if (!(error instanceof LaunchProblem)) throw error;
    releasePorts();
    return refuse(error.message);
  }
}

function withRouter(plan: FleetPlan, options: LaunchOptions): FleetPlan {
  const address = options.router ?? DEFAULT_ROUTER;
  return addRouter(plan, {
    selfCommand: selfCommand(),
    address,
    registrationPort: options.registration?.port ?? address.port + 1,
    args: options["router-args"],
    environment: registrationSettings(options),
    drainSecs: options["drain-secs"],
  });
}

function registrationSettings({ registration, "registration-token": token }: LaunchOptions): Record<string, string> {
  return {
    ...(registration !== undefined && { FD_ROUTER_MANAGER_REGISTRATION_PORT: String(registration.port) }),
    ...(token !== undefined && { [TOKEN_VARIABLE]: token }),
  };
}

function askRollingRestart(options: LaunchOptions): number {
  const path = pidFileOf(options);
  const pid = readPidFile(path);
  if (pid === null) return refuse(`--rolling-restart: no launcher runs by ${path}; wanted --pid-file of a running one`);
  signalProcess(pid, ROLLING_RESTART_SIGNAL);
  process.stdout.write(`fd-router launch: asked launcher ${pid} for a rolling restart\n`);
  return 0;
}

function isThere(program: string): boolean {
  return Bun.which(program) !== null;
}

function refuse(message: string): number {
  process.stderr.write(`fd-router launch: error: ${message}\n`);
  return EXIT_USAGE;
}
