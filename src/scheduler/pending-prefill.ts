/**
 * Prompt tokens on one instance whose first token has not come back. A streamed request gives them back when its first token
 * comes; one that is not streamed shows nothing until its end, so its tokens expire when its prefill should be done.
 * Expiry is evaluated when the sum is read.
 */

/** Tokens of one request; `tokens` is 0 once given back. */
export interface PendingTokens {
  tokens: number;
  readonly expiresAt: number;
  next: PendingTokens | null;
}

export class PendingPrefill {
  #tokens = 0;
  /** Expiring ones in order of expiry; entries already given back stay until they are reached. */
  #head: PendingTokens | null = null;
  #tail: PendingTokens | null = null;

  /** `expiresAt` is Infinity for streamed requests. */
  add(tokens: number, expiresAt: number): PendingTokens {
    const entry: PendingTokens = { tokens, expiresAt: Math.max(expiresAt, this.#tail?.expiresAt ?? 0), next: null };
    this.#tokens += tokens;
    if (expiresAt === Infinity) return entry;
    if (this.#tail === null) this.#head = entry;
    else this.#tail.next = entry;
    this.#tail = entry;
    return entry;
  }

  /** Whether there was something left to give back. */
  giveBack(entry: PendingTokens): boolean {
    if (entry.tokens === 0) return false;
    this.#tokens -= entry.tokens;
    entry.tokens = 0;
    return true;
  }

  at(now: number): number {
    while (this.#head !== null && (this.#head.tokens === 0 || this.#head.expiresAt <= now)) {
      this.giveBack(this.#head);
      this.#head = this.#head.next;
      if (this.#head === null) this.#tail = null;
    }
    return this.#tokens;
  }
}
