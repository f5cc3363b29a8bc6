/** Notes which instances left the fleet, and when they have been gone for so long that their series go too (fault O04). */
import type { InstanceId } from "../fleet/instance.ts";
import type { FleetSnapshot } from "../fleet/snapshot.ts";

/** A few scrapes, and longer than an engine takes to start again on its address. */
const GRACE_MS = 5 * 60_000;

export class Departures {
  #present: ReadonlySet<InstanceId> = new Set();
  readonly #leftAt = new Map<InstanceId, number>();

  /** Returns the instances that are there now. */
  update(snapshot: FleetSnapshot, now: number): ReadonlySet<InstanceId> {
    const present = new Set(snapshot.members.map(({ instance }) => instance.id));
    for (const id of this.#present) if (!present.has(id)) this.#leftAt.set(id, now);
    for (const id of present) this.#leftAt.delete(id);
    this.#present = present;
    return present;
  }

  /** Those that have been gone for the grace time: each is told once. */
  takeForgotten(now: number): ReadonlySet<InstanceId> {
    const forgotten = new Set<InstanceId>();
    for (const [id, leftAt] of this.#leftAt) {
      if (now - leftAt < GRACE_MS) continue;
      this.#leftAt.delete(id);
      forgotten.add(id);
    }
    return forgotten;
  }
}
