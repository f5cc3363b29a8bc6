/**
 * What the answers of one model teach: how far the byte estimate of its prompts is off, which share of a prompt is not cached,
 * and how fast prefill goes. All are ratios of two exponentially weighted sums, so that long requests weigh more than short
 * ones with their fixed overheads.
 */
import type { TokenUsage } from "./assignment.ts";

/** Weight of the newest observation. */
const ALPHA = 1 / 32;
const MIN_CORRECTION = 0.25;
const MAX_CORRECTION = 4;
const INITIAL_TOKENS_PER_MS = 8;
const MIN_TOKENS_PER_MS = 0.1;
const MAX_TOKENS_PER_MS = 1000;

class Ratio {
  #numerator: number;
  #denominator: number;

  /** `weight` is that of the first guess, in units of the denominator. */
  constructor(guess: number, weight: number) {
    this.#numerator = guess * weight;
    this.#denominator = weight;
  }

  get value(): number {
    return this.#numerator / this.#denominator;
  }

  observe(numerator: number, denominator: number): void {
    // A denominator of nothing teaches nothing, and would end in a division by zero when it goes on.
    if (!(denominator > 0) || !(numerator >= 0)) return;
    this.#numerator += ALPHA * (numerator - this.#numerator);
    this.#denominator += ALPHA * (denominator - this.#denominator);
  }
}

export class ModelLearning {
  readonly #correction = new Ratio(1, 500);
  readonly #uncached = new Ratio(1, 500);
  readonly #tokensPerMs = new Ratio(INITIAL_TOKENS_PER_MS, 250);

  /** Prompt tokens to expect where the bytes suggest `estimate`. */
  promptTokens(estimate: number): number {
    return estimate * clamp(this.#correction.value, MIN_CORRECTION, MAX_CORRECTION);
  }

  /** The part of `promptTokens` that will have to be computed. */
  uncachedTokens(promptTokens: number): number {
    return promptTokens * clamp(this.#uncached.value, 0, 1);
  }

  prefillMs(tokens: number): number {
    return tokens / clamp(this.#tokensPerMs.value, MIN_TOKENS_PER_MS, MAX_TOKENS_PER_MS);
  }

  recordUsage(estimate: number, usage: TokenUsage): void {
    this.#correction.observe(usage.promptTokens, estimate);
    this.#uncached.observe(Math.max(0, usage.promptTokens - usage.cachedTokens), usage.promptTokens);
  }

  /** A first token came `tookMs` after its request was sent, with `tokens` to prefill up to and including it. */
  recordPrefill(tokens: number, tookMs: number): void {
    this.#tokensPerMs.observe(tokens, tookMs);
  }
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, value));
}
