/** What the registry knows of one instance: a line of its table (entry-table.ts). Plain frozen data; registry.ts alone makes new ones. */
import type { Instance } from "../fleet/instance.ts";
import type { EngineFigures } from "./commands.ts";

/**
 * `joining`: not yet seen healthy, not offered. `suspect`: missed a probe. `gone`: evicted, but probed on, since it may come back
 * without saying so. An instance that nothing keeps any more is not in the table at all.
 */
type Health = "joining" | "ready" | "suspect" | "gone";

export interface Lease {
  /** Unique for the life of the router. */
  readonly number: number;
  /** Null once the connection is closed: the last seconds run. */
  readonly connection: number | null;
  readonly grantedAt: number;
  readonly expiresAt: number;
}

export interface Entry {
  readonly instance: Instance;
  readonly health: Health;
  /** Ordered out of service. Survives everything but `resume`, a new boot id and the end of the entry. */
  readonly drained: boolean;
  /** Changes when older probe results must no longer count. */
  readonly generation: number;
  /** Changes when a new process serves the address. */
  readonly epoch: number;
  readonly bootId: string | null;
  /** What keeps the entry: an HTTP registration, a line of register.yaml, a lease. At least one of them. */
  readonly byHttp: boolean;
  readonly fromFile: Instance | null;
  readonly lease: Lease | null;
  /** Consecutive probe results. */
  readonly failures: number;
  readonly successes: number;
  readonly registeredAt: number;
  /** Null as long as it has never been ready. */
  readonly readyAt: number | null;
  readonly goneAt: number | null;
  /** `scraped`: asked for; otherwise the instance told it on its own. */
  readonly report: { readonly figures: EngineFigures; readonly at: number; readonly scraped: boolean } | null;
}

/** Whether it is in the fleet: listed, counted and sent to the workers. */
export function isListed(entry: Entry): boolean {
  return entry.health === "ready" || entry.health === "suspect";
}
