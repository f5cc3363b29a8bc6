/** Prints a plan as lines that can be pasted into a shell. Called by launch.ts for `--dry-run`. */
import { joinWords } from "./command-words.ts";
import type { FleetPlan } from "./fleet-plan.ts";

export function describePlan(plan: FleetPlan): string {
  const lines = plan.notes.map((note) => `# ${note}`);
  for (const folder of plan.folders) lines.push(joinWords(["mkdir", "-p", folder]));
  if (plan.router !== null) lines.push("# router", joinWords(plan.router.command));
  for (const unit of plan.units) {
    const size = unit.servers.length;
    lines.push(`# ${unit.name}: ${size === 1 ? "1 server" : `${size} servers, restarted together`}`);
    for (const server of unit.servers) {
      const settings = Object.entries(server.environment).map(([name, value]) => `${name}=${joinWords([value])}`);
      lines.push([...settings, joinWords(server.command)].join(" "));
    }
  }
  return `${lines.join("\n")}\n`;
}
