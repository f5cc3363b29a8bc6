/** The Go router's `[stats]` line: how many requests run, where, and how often sessions came back to their instance. */
import type { InstanceId } from "../fleet/instance.ts";
import type { FleetSnapshot } from "../fleet/snapshot.ts";

const ORDER = { prefill: 0, decode: 1, mixed: 2 } as const;

export interface SessionFigures {
  readonly hits: number;
  readonly total: number;
}

export function statsLine(
  { members }: FleetSnapshot,
  inFlight: ReadonlyMap<InstanceId, number>,
  { hits, total }: SessionFigures = { hits: 0, total: 0 },
): string {
  const instances = members.map(({ instance }) => instance).toSorted((a, b) => ORDER[a.role] - ORDER[b.role]);
  const running = instances.map(({ id }) => inFlight.get(id) ?? 0);
  const workers = instances.map(({ id }, i) => `${id}: running=${running[i] ?? 0}`).join(", ");
  const sum = running.reduce((a, b) => a + b, 0);
  const rate = total === 0 ? 0 : (100 * hits) / total;
  return `[stats] total_running=${sum}, workers: [${workers}], cache_hit_rate=${rate.toFixed(2)}% (hits=${hits}/total=${total})`;
}
