/**
 * Which instance was sent which prompt prefixes, and so probably has them in its cache. A flat map from chained block hash to
 * the instances that hold it, since a chained hash stands for a whole prefix; what was not sent for longest goes first. Cache-aware
 * policies match and record; the scheduler tells the other dispatchers what is new.
 */
import type { PrefixInsert } from "../fleet/digest.ts";
import type { InstanceId } from "../fleet/instance.ts";
import type { Prefixes } from "./policy.ts";

export interface PrefixLimits {
  readonly maxBlocks: number;
  readonly evictAfterMs: number;
}

/** Told to the others at most between two digests; what goes beyond only costs them hits. */
const MAX_UNTOLD = 4096;
/** A block is moved to the young end of the map at most so often, as a share of the time to its eviction. */
const TOUCH_SHARE = 1 / 16;

interface Block {
  /** Numbers of instances, in the order in which they were sent it. */
  readonly holders: number[];
  insertedAt: number;
}

export class PrefixIndex implements Prefixes {
  readonly #maxBlocks: number;
  evictAfterMs: number;
  /** Oldest insertion first. */
  readonly #blocks = new Map<number, Block>();
  /** An instance that restarts gets a new number: what its old one held is gone. */
  readonly #numbers = new Map<InstanceId, number>();
  readonly #ids: (InstanceId | null)[] = [];
  #untold: PrefixInsert[] = [];
  /** There are other dispatchers, who want to be told what is new. */
  isShared = false;

  constructor(limits: PrefixLimits) {
    this.#maxBlocks = limits.maxBlocks;
    this.evictAfterMs = limits.evictAfterMs;
  }

  get size(): number {
    return this.#blocks.size;
  }

  match(hashes: readonly number[]): ReadonlyMap<InstanceId, number> {
    const depths = new Map<InstanceId, number>();
    let seen = 0;
    for (let depth = this.#deepest(hashes); depth > 0; depth--) {
      const holders = this.#blocks.get(hashes[depth - 1] ?? 0)?.holders;
      // Whoever holds a block holds those before it, so an equal number means the same holders.
      if (holders === undefined || holders.length === seen) continue;
      seen = holders.length;
      for (const number of holders) {
        const id = this.#ids[number] ?? null;
        if (id !== null && !depths.has(id)) depths.set(id, depth);
      }
    }
    return depths;
  }

  record(id: InstanceId, hashes: readonly number[], now: number): void {
    const added = this.#insert(id, hashes, now);
    if (this.isShared && added.length > 0 && this.#untold.length < MAX_UNTOLD) this.#untold.push({ id, hashes: added });
    this.#evict(now);
  }

  /** Another dispatcher recorded this. */
  receive({ id, hashes }: PrefixInsert, now: number): void {
    this.#insert(id, hashes, now);
    this.#evict(now);
  }

  takeUntold(): readonly PrefixInsert[] {
    const untold = this.#untold;
    if (untold.length > 0) this.#untold = [];
    return untold;
  }

  /** The instance lost its cache. */
  forget(id: InstanceId): void {
    const number = this.#numbers.get(id);
    if (number === undefined) return;
    this.#numbers.delete(id);
    this.#ids[number] = null;
  }

  /** Number of leading blocks that somebody holds. */
  #deepest(hashes: readonly number[]): number {
    let known = 0;
    let unknown = hashes.length + 1;
    while (unknown - known > 1) {
      const middle = (known + unknown) >> 1;
      if (this.#blocks.has(hashes[middle - 1] ?? 0)) known = middle;
      else unknown = middle;
    }
    return known;
  }

  /** Returns the hashes that the instance did not hold before. */
  #insert(id: InstanceId, hashes: readonly number[], now: number): number[] {
    const number = this.#number(id);
    const added: number[] = [];
    // The last block first, so that it is evicted before those that lead to it.
    for (let i = hashes.length - 1; i >= 0; i--) {
      const hash = hashes[i] ?? 0;
      const block = this.#touched(hash, now);
      if (block.holders.includes(number)) continue;
      block.holders.push(number);
      added.push(hash);
    }
    return added.toReversed();
  }

  #touched(hash: number, now: number): Block {
    const known = this.#blocks.get(hash);
    if (known !== undefined && now - known.insertedAt < this.evictAfterMs * TOUCH_SHARE) return known;
    const block: Block = known ?? { holders: [], insertedAt: now };
    block.insertedAt = now;
    this.#blocks.delete(hash);
    this.#blocks.set(hash, block);
    return block;
  }

  #evict(now: number): void {
    for (const [hash, { insertedAt }] of this.#blocks) {
      if (this.#blocks.size <= this.#maxBlocks && now - insertedAt < this.evictAfterMs) return;
      this.#blocks.delete(hash);
    }
  }

  #number(id: InstanceId): number {
    let number = this.#numbers.get(id);
    if (number === undefined) {
      number = this.#ids.length;
      this.#ids.push(id);
      this.#numbers.set(id, number);
    }
    return number;
  }
}
