/** The prefix cache of one simulated engine: a bounded number of blocks, of which the one used longest ago makes room. */
export class PrefixCache {
  readonly #capacityBlocks: number;
  /** Used longest ago first. A block's name stands for the whole prefix that it ends. */
  readonly #blocks = new Set<number>();

  constructor(capacityBlocks: number) {
    this.#capacityBlocks = capacityBlocks;
  }

  /** Leading blocks of the prompt that are there. */
  match(blocks: readonly number[]): number {
    const missing = blocks.findIndex((block) => !this.#blocks.has(block));
    return missing < 0 ? blocks.length : missing;
  }

  /** The prompt was computed, or read. The last block first, so that it goes before those that lead to it. */
  keep(blocks: readonly number[]): void {
    for (const block of blocks.toReversed()) {
      this.#blocks.delete(block);
      this.#blocks.add(block);
    }
    for (const oldest of this.#blocks) {
      if (this.#blocks.size <= this.#capacityBlocks) return;
      this.#blocks.delete(oldest);
    }
  }
}
