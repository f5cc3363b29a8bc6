/**
 * KV-cache blocks with the prefix cache in them. A block is free, cached and idle (nobody refers to it: may be taken back, least
 * recently used first), cached and shared, or private to one sequence. The four add up to the total at all times.
 */

interface CachedBlock {
  readonly key: number;
  references: number;
}

/** Blocks of one sequence: a prefix of cached ones in chain order, the others private. */
export interface BlockLease {
  readonly cached: CachedBlock[];
  privateBlocks: number;
}

export class BlockPool {
  readonly total: number;
  #free: number;
  readonly #cached = new Map<number, CachedBlock>();
  /** Insertion order is age: the first is the least recently used. */
  readonly #idle = new Set<CachedBlock>();

  constructor(total: number) {
    this.total = total;
    this.#free = total;
  }

  /** Strictly free. */
  get free(): number {
    return this.#free;
  }

  /** Free or reclaimable. */
  get available(): number {
    return this.#free + this.#idle.size;
  }

  /** How many of `keys`, from the first on, are cached. */
  countCached(keys: readonly number[]): number {
    let count = 0;
    for (const key of keys) {
      if (!this.#cached.has(key)) break;
      count++;
    }
    return count;
  }

  /** A lease on the first `count` of `keys`, which are known to be cached. */
  lease(keys: readonly number[], count: number): BlockLease {
    const cached: CachedBlock[] = [];
    for (let i = 0; i < count; i++) {
      const key = keys[i];
      const block = key === undefined ? undefined : this.#cached.get(key);
      if (block === undefined) break;
      this.#hold(block);
      cached.push(block);
    }
    return { cached, privateBlocks: 0 };
  }

  /** Grows the lease to `blocks` in all; false, and nothing taken, when there are not enough. */
  grow(lease: BlockLease, blocks: number): boolean {
    const wanted = blocks - lease.cached.length - lease.privateBlocks;
    if (wanted <= 0) return true;
    if (wanted > this.available) return false;
    while (this.#free < wanted) this.#evictOldest();
    this.#free -= wanted;
    lease.privateBlocks += wanted;
    return true;
  }

  /** Puts the lease's first blocks under `keys` into the cache, now that their content is computed. */
  publish(lease: BlockLease, keys: readonly number[]): void {
    const end = Math.min(keys.length, lease.cached.length + lease.privateBlocks);
    for (let i = lease.cached.length; i < end; i++) {
      const key = keys[i];
      if (key === undefined) return;
      const twin = this.#cached.get(key);
      const block = twin ?? { key, references: 0 };
      // Somebody else computed the same block meanwhile: theirs is kept, ours is free again.
      if (twin !== undefined) this.#free++;
      else this.#cached.set(key, block);
      this.#hold(block);
      lease.cached.push(block);
      lease.privateBlocks--;
    }
  }

  /** Gives everything back. The deepest cached block becomes the oldest, so that chains are taken back from their ends. */
  release(lease: BlockLease): void {
    this.#free += lease.privateBlocks;
    lease.privateBlocks = 0;
    for (let block = lease.cached.pop(); block !== undefined; block = lease.cached.pop()) {
      block.references--;
      if (block.references === 0) this.#idle.add(block);
    }
  }

  #hold(block: CachedBlock): void {
    if (block.references === 0) this.#idle.delete(block);
    block.references++;
  }

  #evictOldest(): void {
    for (const block of this.#idle) {
      this.#idle.delete(block);
      this.#cached.delete(block.key);
      this.#free++;
      return;
    }
  }
}
