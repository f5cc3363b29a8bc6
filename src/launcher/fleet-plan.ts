/** What plan.ts makes of the options: the processes to start, in units that live and die together. Read by everything that comes after. */
import type { RegistrationFields } from "../registration/messages.ts";
import type { Target } from "./health.ts";

export interface FleetPlan {
  readonly units: readonly UnitPlan[];
  /** That of `--with-router`. */
  readonly router: ServerPlan | null;
  /** Ports that the user chose: they must be free before anything starts. */
  readonly claims: readonly PortClaim[];
  /** Folders to create before anything starts. */
  readonly folders: readonly string[];
  /** Choices made and oddities seen, one line each. */
  readonly notes: readonly string[];
}

/** A data-parallel group, or one independent replica. */
export interface UnitPlan {
  readonly name: string;
  readonly servers: readonly ServerPlan[];
}

export interface ServerPlan extends Target {
  /** Unique in the fleet: `server-0`, `prefill-3`. */
  readonly name: string;
  readonly command: readonly string[];
  /** Set on top of the launcher's own environment. */
  readonly environment: Readonly<Record<string, string>>;
  /** All but `host_ip` and `boot_id`, which are known once it runs. Null for the router itself. */
  readonly registration: Omit<RegistrationFields, "host_ip" | "boot_id"> | null;
  /** Answers 200 when the server is well; undefined takes the launcher's `--health-path`. */
  readonly healthPath?: string;
}

export interface PortClaim {
  /** Flag that named it, as the user wrote it. */
  readonly flag: string;
  readonly port: number;
}

/** What the plan needs to know of the host. */
export interface HostFacts {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly platform: "cuda" | "xpu" | "iluvatar" | "other";
  /** GPUs that are there; null when that cannot be told. */
  readonly gpuCount: number | null;
  readonly python: string;
}
