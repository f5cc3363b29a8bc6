/** A token bucket a key, for a bounded number of keys. The doors use it against floods and guessing. */

export interface RateLimitRule {
  readonly burst: number;
  readonly perSecond: number;
}

const MAX_KEYS = 4096;

export class RateLimit {
  readonly #rule: RateLimitRule;
  readonly #buckets = new Map<string, { tokens: number; at: number }>();

  constructor(rule: RateLimitRule) {
    this.#rule = rule;
  }

  /** True, and one token less, while the key has any. */
  take(key: string, now: number): boolean {
    const tokens = this.#tokens(key, now);
    this.#buckets.delete(key);
    this.#buckets.set(key, { tokens: Math.max(0, tokens - 1), at: now });
    if (this.#buckets.size > MAX_KEYS) {
      const oldest = this.#buckets.keys().next().value;
      if (oldest !== undefined) this.#buckets.delete(oldest);
    }
    return tokens >= 1;
  }

  /** Whether `take` would succeed. */
  allows(key: string, now: number): boolean {
    return this.#tokens(key, now) >= 1;
  }

  #tokens(key: string, now: number): number {
    const bucket = this.#buckets.get(key);
    if (bucket === undefined) return this.#rule.burst;
    return Math.min(this.#rule.burst, bucket.tokens + ((now - bucket.at) / 1000) * this.#rule.perSecond);
  }
}
