/**
 * The registry's entries by id, as an immutable map of which a changed copy is cheap: entries lie in many small buckets, and a copy shares
 * all but the one that it writes to. A heartbeat in a fleet of 4,000 copies 16 entries instead of all. Used by state.ts and change.ts.
 */
import type { InstanceId } from "../fleet/instance.ts";
import type { Entry } from "./entry.ts";

type Bucket = ReadonlyMap<InstanceId, Entry>;

/** A power of two. With the 4,096 instances that a router takes by default, 16 to a bucket. */
const BUCKETS = 256;
const NO_ENTRIES: Bucket = new Map();

/** In no particular order, but always in the same one. */
export class EntryTable {
  readonly #buckets: readonly Bucket[];
  readonly size: number;

  private constructor(buckets: readonly Bucket[], size: number) {
    this.#buckets = buckets;
    this.size = size;
  }

  static readonly EMPTY = new EntryTable(
    Array.from({ length: BUCKETS }, () => NO_ENTRIES),
    0,
  );

  get(id: InstanceId): Entry | undefined {
    return this.#buckets[bucketOf(id)]?.get(id);
  }

  has(id: InstanceId): boolean {
    return this.get(id) !== undefined;
  }

  *values(): Generator<Entry, undefined> {
    for (const bucket of this.#buckets) yield* bucket.values();
  }

  /** A table with `entry` in place of the one of its id. */
  put(entry: Entry): EntryTable {
    const { id } = entry.instance;
    return this.#replace(id, (bucket) => bucket.set(id, entry));
  }

  without(id: InstanceId): EntryTable {
    return this.#replace(id, (bucket) => bucket.delete(id));
  }

  #replace(id: InstanceId, edit: (bucket: Map<InstanceId, Entry>) => unknown): EntryTable {
    const index = bucketOf(id);
    const before = this.#buckets[index] ?? NO_ENTRIES;
    const bucket = new Map(before);
    edit(bucket);
    return new EntryTable(this.#buckets.with(index, bucket), this.size + bucket.size - before.size);
  }
}

/** FNV-1a, folded: neighbouring addresses and ports must not share a bucket. */
function bucketOf(id: InstanceId): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < id.length; at++) hash = Math.imul(hash ^ id.charCodeAt(at), 0x01000193);
  return (hash ^ (hash >>> 16)) & (BUCKETS - 1);
}
