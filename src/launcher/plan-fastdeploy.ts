/** Command lines of FastDeploy's api_server: ranks of one engine as multi_api_server starts them, or independent replicas. Pure. Called by plan.ts. */
import type { GroupDraft, ServerCommand } from "./group-draft.ts";
import { deviceShare, requireShares } from "./plan-devices.ts";
import { readArgument, readCount, replaceArgument } from "./server-arguments.ts";

/** Queues that every server has one port of, in the order in which multi_api_server appends them. */
const QUEUES = ["--engine-worker-queue-port", "--cache-queue-port", "--pd-comm-port"] as const;
const RDMA = "--rdma-comm-ports";
const API_SERVER = ["-m", "fastdeploy.entrypoints.openai.api_server"] as const;

/** Every rank gets all lists whole and picks its own by its id. */
export function dataParallelCommands(draft: GroupDraft): readonly ServerCommand[] {
  const { options, devices } = draft;
  const servers = options["num-servers"];
  const gpusEach = readCount(options.args, "--tensor-parallel-size", 1);
  requireShares(devices, servers, gpusEach);
  const lists = enginePorts(draft, devices.ids.length);
  const ranks = readCount(options.args, "--data-parallel-size", 1);
  if (ranks !== servers && readArgument(options.args, "--ips") === undefined) {
    draft.notes.push(`--data-parallel-size is ${ranks} and --num-servers ${servers}; wanted the same on one host`);
  }
  const args = [...options.args];
  for (const list of lists) if (!list.given) args.push(list.flag, list.ports.join(","));
  draft.notes.push(`Modified server_args: ${JSON.stringify(args)}`);
  return draft.apiPorts.map((_, index) => ({
    command: [
      draft.host.python,
      ...API_SERVER,
      ...args,
      ...portFlags(draft, index),
      "--local-data-parallel-id",
      String(index),
      ...metricsFlag(draft, index),
    ],
    gpus: deviceShare(devices, index, gpusEach),
    visibleGpus: devices.chosen ? devices.ids : null,
    enginePorts: portsOfServer(lists, index, gpusEach),
  }));
}

/** Each replica gets its own ports and GPUs and knows nothing of the others. */
export function replicaCommands(draft: GroupDraft): readonly ServerCommand[] {
  const { options, devices } = draft;
  const servers = options["num-servers"];
  const gpusEach = readCount(options.args, "--tensor-parallel-size", 1);
  requireShares(devices, servers, gpusEach);
  const lists = enginePorts(draft, servers * gpusEach);
  return draft.apiPorts.map((_, index) => ({
    command: [
      draft.host.python,
      ...API_SERVER,
      ...replicaArguments(options.args, lists, index),
      ...portFlags(draft, index),
      ...metricsFlag(draft, index),
    ],
    gpus: deviceShare(devices, index, gpusEach),
    visibleGpus: deviceShare(devices, index, gpusEach),
    enginePorts: portsOfServer(lists, index, gpusEach),
  }));
}

interface EnginePorts {
  readonly flag: string;
  readonly ports: readonly number[];
  /** The user gave them; else free ones were chosen. */
  readonly given: boolean;
  /** How many ports of the list belong to one server. */
  readonly each: number;
}

function enginePorts(draft: GroupDraft, rdmaCount: number): readonly EnginePorts[] {
  const servers = draft.options["num-servers"];
  const gpusEach = readCount(draft.options.args, "--tensor-parallel-size", 1);
  const wanted = [
    ...QUEUES.map((flag) => ({ flag, count: servers, each: 1 })),
    { flag: RDMA, count: rdmaCount, each: gpusEach },
  ];
  return wanted.map(({ flag, count, each }) => {
    const value = readArgument(draft.options.args, flag);
    if (value !== undefined) return { flag, ports: draft.ports.parse(flag, value, count), given: true, each };
    const ports = draft.ports.take(count);
    draft.notes.push(`No ${flag} specified, using random ports: [${ports.join(", ")}]`);
    return { flag, ports, given: false, each };
  });
}

function replicaArguments(args: readonly string[], lists: readonly EnginePorts[], index: number): readonly string[] {
  let own = args;
  for (const { flag, ports, given, each } of lists) {
    const value = ports.slice(index * each, (index + 1) * each).join(",");
    own = given ? replaceArgument(own, flag, value) : [...own, flag, value];
  }
  return own;
}

function portsOfServer(lists: readonly EnginePorts[], index: number, gpusEach: number): ServerCommand["enginePorts"] {
  const portsOf = (flag: string): readonly number[] => lists.find((list) => list.flag === flag)?.ports ?? [];
  return {
    engine_worker_queue_port: portsOf("--engine-worker-queue-port")[index] ?? null,
    connector_port: portsOf("--pd-comm-port")[index] ?? null,
    rdma_ports: portsOf(RDMA).slice(index * gpusEach, (index + 1) * gpusEach),
  };
}

function portFlags(draft: GroupDraft, index: number): readonly string[] {
  const controllerPort = draft.controllerPorts?.[index] ?? -1;
  return ["--port", String(draft.apiPorts[index]), "--controller-port", String(controllerPort)];
}

function metricsFlag(draft: GroupDraft, index: number): readonly string[] {
  const port = draft.metricsPorts?.[index];
  return port === undefined ? [] : ["--metrics-port", String(port)];
}
