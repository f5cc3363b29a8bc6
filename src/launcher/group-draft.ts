/** What plan.ts hands to the builders of command lines, and what it gets back. */
import type { RegistrationFields } from "../registration/messages.ts";
import type { HostFacts } from "./fleet-plan.ts";
import type { GroupOptions } from "./options.ts";
import type { Devices } from "./plan-devices.ts";
import type { PortPlan } from "./plan-ports.ts";

/** A group on its way to a plan: what the three kinds of command are built from. */
export interface GroupDraft {
  readonly options: GroupOptions;
  readonly host: HostFacts;
  readonly devices: Devices;
  readonly ports: PortPlan;
  readonly apiPorts: readonly number[];
  /** Null where there are none. */
  readonly metricsPorts: readonly number[] | null;
  readonly controllerPorts: readonly number[] | null;
  readonly notes: string[];
}

/** The part of a server that differs between FastDeploy's two ways and other programs. */
export interface ServerCommand {
  readonly command: readonly string[];
  /** GPUs that it works on, for the registration. */
  readonly gpus: readonly string[];
  /** GPUs that it is shown by the environment; null leaves the launcher's own setting. */
  readonly visibleGpus: readonly string[] | null;
  readonly enginePorts: Partial<Pick<RegistrationFields, "engine_worker_queue_port" | "connector_port" | "rdma_ports">>;
}
