/** The story of `fd-router launch`: options, plan, checks, then the fleet under supervision until a signal ends it. */
import { describePlan } from "./dry-run.ts";
import { readHostFacts } from "./host-facts.ts";
import type { GroupOptions, LaunchOptions } from "./options.ts";
import { freePortsWanted, planFleet } from "./plan.ts";
import { holdClaims, holdFreePorts } from "./ports.ts";
import { readOptions } from "./read-options.ts";
import { runFleet } from "./run-fleet.ts";

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
  return launchGroups(read.groups, read.launch);
}

async function launchGroups(groups: readonly GroupOptions[], options: LaunchOptions): Promise<number> {
  const free = holdFreePorts(freePortsWanted(groups));
  const result = planFleet(groups, readHostFacts(options.python), free.ports);
  if (!result.ok) {
    free.release();
    return refuse(result.message);
  }
  const { plan } = result;
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
  return runFleet(plan, options, releasePorts);
}

function isThere(program: string): boolean {
  return Bun.which(program) !== null;
}

function refuse(message: string): number {
  process.stderr.write(`fd-router launch: error: ${message}\n`);
  return EXIT_USAGE;
}
