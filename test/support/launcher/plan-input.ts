/** Command lines and hosts for tests of the plan. */
import type { FleetPlan, HostFacts } from "../../../src/launcher/fleet-plan.ts";
import { joinWords, splitWords } from "../../../src/launcher/command-words.ts";
import { planFleet, type PlanResult } from "../../../src/launcher/plan.ts";
import { readOptions } from "../../../src/launcher/read-options.ts";

export const HOST: HostFacts = {
  environment: { CUDA_VISIBLE_DEVICES: "0,1" },
  platform: "cuda",
  gpuCount: null,
  python: "python",
};

/** 41001, 41003, …: as in FastDeploy's documents. */
const FREE_PORTS = Array.from({ length: 200 }, (_, index) => 41_001 + 2 * index);

/** A command line as written in a shell, after `fd-router launch`. */
function planLine(line: string, host: HostFacts = HOST): PlanResult {
  const split = splitWords(line);
  if (!split.ok) throw new Error(split.problem);
  const read = readOptions(split.words);
  if (read.kind === "options") return planFleet(read.groups, host, FREE_PORTS);
  return { ok: false, message: read.kind === "problem" ? read.message : "help" };
}

export function planOf(line: string, host: HostFacts = HOST): FleetPlan {
  const result = planLine(line, host);
  if (!result.ok) throw new Error(result.message);
  return result.plan;
}

export function problemOf(line: string, host: HostFacts = HOST): string {
  const result = planLine(line, host);
  return result.ok ? "no problem" : result.message;
}

export function commandsOf(plan: FleetPlan): readonly string[] {
  return plan.units.flatMap((unit) => unit.servers.map((server) => joinWords(server.command)));
}
