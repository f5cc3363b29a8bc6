/** Which GPUs a group has, and what to say when they are missing. Pure. Called by plan.ts. */
import type { HostFacts } from "./fleet-plan.ts";
import { LaunchProblem } from "./launch-problem.ts";
import type { GroupOptions } from "./options.ts";

export interface Devices {
  /** Environment variable that hands them to a process. */
  readonly variable: "CUDA_VISIBLE_DEVICES" | "XPU_VISIBLE_DEVICES";
  readonly ids: readonly string[];
  /** Given for this group, not merely what the environment shows. */
  readonly chosen: boolean;
  /** For messages: the flag or variable with its value. */
  readonly source: string;
}

const ILUVATAR_DEVICES = 16;

export function groupDevices(options: GroupOptions, host: HostFacts): Devices {
  const variable = variableOf(host);
  const ids = deviceIds(options, host);
  const source = options.gpus === undefined ? `${variable} ${ids.join(",")}` : `--gpus ${options.gpus.join(",")}`;
  const absent = ids.filter((id) => host.gpuCount !== null && /^\d+$/.test(id) && Number(id) >= host.gpuCount);
  if (absent.length > 0) {
    throw new LaunchProblem(`${source}: GPU ${absent.join(",")} is not there; this host has ${host.gpuCount ?? 0}`);
  }
  const twice = ids.find((id, at) => ids.indexOf(id) !== at);
  if (twice !== undefined) throw new LaunchProblem(`${source}: GPU ${twice} is given twice`);
  return { variable, ids, chosen: options.gpus !== undefined, source };
}

/** Unchecked. */
export function deviceIds(options: GroupOptions, host: HostFacts): readonly string[] {
  if (options.gpus !== undefined) return options.gpus;
  const visible = host.environment[variableOf(host)]?.split(",").map((item) => item.trim()) ?? [];
  const inherited = visible.filter((item) => item !== "");
  if (inherited.length > 0 || host.platform !== "iluvatar") return inherited;
  return Array.from({ length: ILUVATAR_DEVICES }, (_, id) => String(id));
}

/** FastDeploy's own servers cannot do without. */
export function requireDevices(devices: Devices): void {
  if (devices.ids.length > 0) return;
  throw new LaunchProblem(`Please manually set ${devices.variable} when launching multi-api-server, or give --gpus`);
}

/** The `index`th of equal shares of `each` GPUs. */
export function deviceShare(devices: Devices, index: number, each: number): readonly string[] {
  return devices.ids.slice(index * each, (index + 1) * each);
}

/** Refuses when `servers` shares of `each` GPUs are more than there are. */
export function requireShares(devices: Devices, servers: number, each: number): void {
  if (servers * each <= devices.ids.length) return;
  const have = devices.ids.length;
  throw new LaunchProblem(
    `${devices.source}: too few GPUs for ${servers} servers (${have} there, ${servers * each} wanted)`,
  );
}

function variableOf(host: HostFacts): Devices["variable"] {
  return host.platform === "xpu" ? "XPU_VISIBLE_DEVICES" : "CUDA_VISIBLE_DEVICES";
}
