/**
 * Prompt tokens on one instance whose first token has not come back. A streamed request gives them back when its first token
 * comes; one that is not streamed shows nothing until its end, so its tokens expire when its prefill should be done.
 * Expiry is evaluated when the sum is read.
 */

/** Tokens of one request. */
export interface PendingTokens {
  /** 0 once given back. */
  tokens: number;
  /** Infinity for streamed requests. */
  readonly expiresAt: number;
  /** Next of those that expire; kept by PendingPrefill. */
  next: PendingTokens | null;
}

export class PendingPrefill {
  #tokens = 0;
  /**
   * Those that expire, oldest first. One that should expire before an older one waits for it, as its prefill does; those
   * already given back stay until they are reached.
   */
  #head: PendingTokens | null = null;
  #tail: PendingTokens | null = null;

  add(entry: PendingTokens): void {
    this.#tokens += entry.tokens;
    if (entry.expiresAt === Infinity) return;
    if (this.#tail === null) this.#head = entry;
    else this.#tail.next = entry;
    this.#tail = entry;
  }

  /** Whether there was something left to give back. */
  giveBack(entry: PendingTokens): boolean {
    if (entry.tokens === 0) return false;
    this.#tokens -= entry.tokens;
    entry.tokens = 0;
    return true;
  }

  at(now: number): number {
    if (this.#head !== null) this.#expire(now);
    return this.#tokens;
  }

  #expire(now: number): void {
    while (this.#head !== null && (this.#head.tokens === 0 || this.#head.expiresAt <= now)) {
      const first = this.#head;
      this.giveBack(first);
      this.#head = first.next;
      // An entry that a garbage collection has promoted would keep all later ones, until the next full collection.
      first.next = null;
      if (this.#head === null) this.#tail = null;
    }
  }
}
