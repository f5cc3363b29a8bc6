/** Command lines of another program than FastDeploy's api_server, from `--command` with its placeholders. Pure. Called by plan.ts. */
import type { GroupDraft, ServerCommand } from "./group-draft.ts";
import { LaunchProblem } from "./launch-problem.ts";
import { deviceShare, requireShares } from "./plan-devices.ts";

export function programCommands(
  draft: GroupDraft,
  program: readonly string[],
  kind: "data-parallel" | "replicas",
): readonly ServerCommand[] {
  const { options, devices } = draft;
  const words = [...program, ...options.args];
  if (program.length === 0) throw new LaunchProblem(`--command "": names no program`);
  const asked = devices.chosen || words.some((word) => word.includes("{gpus}"));
  const servers = options["num-servers"];
  const share = kind === "replicas" ? Math.floor(devices.ids.length / servers) : devices.ids.length;
  if (asked) requireShares(devices, kind === "replicas" ? servers : 1, Math.max(share, 1));
  return draft.apiPorts.map((port, index) => {
    const gpus = asked ? deviceShare(devices, kind === "replicas" ? index : 0, share) : [];
    const values: Readonly<Record<string, string>> = {
      port: String(port),
      metrics_port: String(draft.metricsPorts?.[index] ?? port),
      index: String(index),
      gpus: gpus.join(","),
    };
    return {
      command: words.map((word) => fill(word, values)),
      gpus,
      visibleGpus: asked ? gpus : null,
      enginePorts: {},
    };
  });
}

function fill(word: string, values: Readonly<Record<string, string>>): string {
  return word.replaceAll(/\{(\w+)\}/g, (written, name: string) => values[name] ?? written);
}
