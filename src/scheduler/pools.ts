/**
 * The candidates for every role and model, sorted by instance id and worked out once per snapshot, so that a request only looks
 * them up.
 */
import type { Role } from "../fleet/instance.ts";
import type { LoadAccount } from "./load.ts";

/** A request that names this model takes any. */
const ANY_MODEL = "default";

export interface Pool {
  /** Ready and not gated; all suspect ones when nothing is ready. */
  readonly preferred: readonly LoadAccount[];
  /** Gated ones: only when no preferred one can take the request. */
  readonly fallback: readonly LoadAccount[];
}

export type PoolLookup = Pool | "no-instance" | "unknown-model";

interface RolePools {
  readonly all: Pool;
  readonly byModel: ReadonlyMap<string, Pool>;
  /** For models that nobody declares. Null when every instance declares one. */
  readonly anyModel: Pool | null;
}

export class Pools {
  /** Some gate opens then, and the pools want to be made anew. */
  readonly validUntil: number;
  readonly #roles: ReadonlyMap<Role, RolePools>;

  /** `accounts` are those of the snapshot, sorted by instance id. */
  constructor(accounts: readonly LoadAccount[], now: number) {
    const byRole = Map.groupBy(accounts, ({ instance }) => instance.role);
    this.#roles = new Map([...byRole].map(([role, members]) => [role, rolePools(members, now)]));
    const gates = accounts.map(({ gatedUntil }) => gatedUntil).filter((until) => until > now);
    this.validUntil = gates.reduce((earliest, until) => Math.min(earliest, until), Infinity);
  }

  find(role: Role, model: string | null): PoolLookup {
    const pools = this.#roles.get(role);
    if (pools === undefined) return "no-instance";
    if (model === null || model === ANY_MODEL) return pools.all;
    return pools.byModel.get(model) ?? pools.anyModel ?? "unknown-model";
  }
}

function rolePools(members: readonly LoadAccount[], now: number): RolePools {
  const byModel = Map.groupBy(members, ({ instance }) => instance.model);
  const anyModel = byModel.get(null);
  const declared = [...byModel.keys()].filter((model) => model !== null);
  const all = poolOf(members, now);
  const serving = (model: string): Pool =>
    poolOf(
      members.filter(({ instance }) => instance.model === null || instance.model === model),
      now,
    );
  return {
    all,
    byModel: new Map(declared.map((model) => [model, serving(model)])),
    anyModel: anyModel === undefined ? null : poolOf(anyModel, now),
  };
}

function poolOf(members: readonly LoadAccount[], now: number): Pool {
  const ready = members.filter(({ state }) => state === "ready");
  if (ready.length === 0) return { preferred: members.filter(({ state }) => state === "suspect"), fallback: [] };
  const open = ready.filter(({ gatedUntil }) => gatedUntil <= now);
  if (open.length === 0) return { preferred: ready, fallback: [] };
  return { preferred: open, fallback: open.length === ready.length ? [] : ready.filter((a) => a.gatedUntil > now) };
}
