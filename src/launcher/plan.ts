/**
 * Options -> the processes to start. Pure: ports that were found free come in as a list. The rules, their order and their texts are those of
 * multi_api_server, so that its command lines give the same servers here.
 */
import { deviceIds, groupDevices, requireDevices } from "./plan-devices.ts";
import type { FleetPlan, HostFacts, ServerPlan, UnitPlan } from "./fleet-plan.ts";
import { LaunchProblem } from "./launch-problem.ts";
import type { GroupDraft, ServerCommand } from "./group-draft.ts";
import { dataParallelCommands, replicaCommands } from "./plan-fastdeploy.ts";
import { PortPlan } from "./plan-ports.ts";
import { programCommands } from "./plan-program.ts";
import type { GroupOptions } from "./options.ts";
import { readArgument, readCount } from "./server-arguments.ts";
import { type Role, ROLES } from "../fleet/instance.ts";

/** Of one port a server each: API, metrics, controller, and the engine's three queues. */
const LISTS_OF_PORTS = 6;

export type PlanResult =
  { readonly ok: true; readonly plan: FleetPlan } | { readonly ok: false; readonly message: string };

export function planFleet(groups: readonly GroupOptions[], host: HostFacts, freePorts: readonly number[]): PlanResult {
  const ports = new PortPlan(freePorts, groups);
  const notes: string[] = [];
  try {
    const units = groups.flatMap((options) => named(options, () => planGroup(options, host, ports, notes)));
    ports.refuseDuplicates();
    notes.push(...sharedGpus(units));
    return { ok: true, plan: { units, router: null, claims: ports.claims, folders: foldersOf(units), notes } };
  } catch (error) {
    if (error instanceof LaunchProblem) return { ok: false, message: error.message };
    throw error;
  }
}

/** As many free ports as any plan of these groups can ask for. */
export function freePortsWanted(groups: readonly GroupOptions[], host: HostFacts): number {
  return groups.reduce((sum, group) => {
    const servers = group["num-servers"];
    const rdma = Math.max(servers * readCount(group.args, "--tensor-parallel-size", 1), deviceIds(group, host).length);
    return sum + servers * LISTS_OF_PORTS + (group.command === undefined ? rdma : 0);
  }, 0);
}

/** A group of a fleet file says which one it is when it complains. */
function named<T>(options: GroupOptions, make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof LaunchProblem) || options.logFolder === "") throw error;
    throw new LaunchProblem(`group ${options.name}: ${error.message}`, { cause: error });
  }
}

function planGroup(options: GroupOptions, host: HostFacts, ports: PortPlan, notes: string[]): readonly UnitPlan[] {
  const devices = groupDevices(options, host);
  if (options.command === undefined) requireDevices(devices);
  const draft: GroupDraft = {
    options,
    host,
    devices,
    ports,
    notes,
    apiPorts: ports.resolve("--ports", options.ports ?? defaultPorts(options), options["num-servers"]) ?? [],
    metricsPorts: ports.resolve("--metrics-ports", options["metrics-ports"], options["num-servers"]),
    controllerPorts: ports.resolve("--controller-ports", options["controller-ports"], options["num-servers"]),
  };
  const kind = options.kind ?? (options.command === undefined ? "data-parallel" : "replicas");
  const servers = commandsOf(draft, kind).map((command, index) => planServer(draft, command, index));
  if (kind === "data-parallel") return [{ name: options.name, servers }];
  return servers.map((server) => ({ name: server.name, servers: [server] }));
}

function commandsOf(draft: GroupDraft, kind: "data-parallel" | "replicas"): readonly ServerCommand[] {
  if (draft.options.command !== undefined) return programCommands(draft, draft.options.command, kind);
  return kind === "data-parallel" ? dataParallelCommands(draft) : replicaCommands(draft);
}

function planServer(draft: GroupDraft, built: ServerCommand, index: number): ServerPlan {
  const { options } = draft;
  const port = draft.apiPorts[index] ?? 0;
  const metricsPort = draft.metricsPorts?.[index] ?? port;
  const role = roleOf(options);
  const protocol = readArgument(options.args, "--cache-transfer-protocol") ?? "ipc,rdma";
  return {
    name: `${options.name}-${index}`,
    command: built.command,
    environment: environmentOf(draft, built, index),
    host: hostOf(options),
    port,
    metricsPort,
    registration: {
      role,
      port,
      metrics_port: metricsPort,
      ...built.enginePorts,
      ...(options.command === undefined && {
        transfer_protocol: protocol.split(",").map((item) => item.trim()),
        tp_size: built.gpus.length,
      }),
      ...(built.gpus.length > 0 && { device_ids: built.gpus }),
      weight: options.weight,
      ...(options["served-model"] !== undefined && { model: options["served-model"] }),
      ...(options["max-in-flight"] !== undefined && { max_in_flight: options["max-in-flight"] }),
    },
  };
}

function environmentOf(draft: GroupDraft, built: ServerCommand, index: number): Readonly<Record<string, string>> {
  const { options, host, devices } = draft;
  const logRoot = [host.environment["FD_LOG_DIR"] || "log", options.logFolder].filter((part) => part !== "").join("/");
  const metricsFolder = host.environment["PROMETHEUS_MULTIPROC_DIR"];
  const standalone = options.command === undefined && options.kind === "replicas";
  return {
    ...(!standalone && { FD_ENABLE_MULTI_API_SERVER: "1" }),
    FD_LOG_DIR: `${logRoot}/log_${index}`,
    ...(metricsFolder && { PROMETHEUS_MULTIPROC_DIR: `${metricsFolder}_${options.logFolder}dp${index}` }),
    ...(built.visibleGpus !== null && { [devices.variable]: built.visibleGpus.join(",") }),
    ...options.env,
  };
}

function hostOf(options: GroupOptions): string {
  const bound = readArgument(options.args, "--host") ?? "0.0.0.0";
  return bound === "0.0.0.0" || bound === "::" || bound === "" ? "127.0.0.1" : bound;
}

function roleOf(options: GroupOptions): Role {
  const written = readArgument(options.args, "--splitwise-role") ?? "mixed";
  const role = options.role ?? ROLES.find((one) => one === written);
  if (role === undefined) throw new LaunchProblem(`--splitwise-role ${written}: wanted ${ROLES.join(", ")}`);
  return role;
}

/** FastDeploy's default is 8000,8002; more servers go on in steps of two. */
function defaultPorts(options: GroupOptions): readonly number[] {
  return Array.from({ length: options["num-servers"] }, (_, index) => 8000 + 2 * index);
}

/** Allowed, since small models may share one, but mostly a slip. */
function sharedGpus(units: readonly UnitPlan[]): readonly string[] {
  const owners = new Map<string, string>();
  const notes: string[] = [];
  for (const { name, registration } of units.flatMap((unit) => unit.servers)) {
    for (const id of registration?.device_ids ?? []) {
      const owner = owners.get(String(id));
      if (owner !== undefined) notes.push(`GPU ${id} is given to ${owner} and to ${name}`);
      owners.set(String(id), name);
    }
  }
  return notes;
}

function foldersOf(units: readonly UnitPlan[]): readonly string[] {
  const servers = units.flatMap((unit) => unit.servers);
  return servers.flatMap(({ environment }) => environment["PROMETHEUS_MULTIPROC_DIR"] ?? []);
}
