/**
 * Whether a failed request may be sent to another instance: a pure decision from what failed, what was tried and the budget.
 * A completion is no idempotent request. It is repeated only when it cannot have run, or when the instance that ran it is dead, so that
 * nobody will ever get its answer. Budget as in Finagle and linkerd: a share of the requests, plus a few a second.
 */
import type { UpstreamFailure } from "../upstream/failure.ts";

export type RetryDecision = "retry" | "give-up" | "ask-whether-alive";

/** Asked only while the client has got nothing. `retriesLeft` for this request; the budget is asked last, by the caller, with `RetryBudget.take`. */
export function decideRetry(failure: UpstreamFailure, retriesLeft: number): RetryDecision {
  if (retriesLeft <= 0) return "give-up";
  switch (failure.kind) {
    case "connect":
    case "connect-timeout":
      return "retry";
    case "closed-unanswered":
    case "cut":
      // The process may have died (retry), or broken off just this request (a second run would cost GPU time, fault U03).
      return "ask-whether-alive";
    case "first-byte-timeout":
    case "idle-timeout":
    case "total-timeout":
    case "invalid":
      return "give-up";
  }
}

export interface RetryBudgetOptions {
  /** Retries allowed per request, for instance 0.1. */
  readonly share: number;
  readonly perSecond: number;
}

/** Longest time for which unused budget is kept. A new budget is full: the thread before it may have crashed. */
const WINDOW_SECS = 10;

export class RetryBudget {
  readonly #options: RetryBudgetOptions;
  #tokens: number;
  #refilledAt: number;

  /** Times in milliseconds on any one monotonic clock. */
  constructor(options: RetryBudgetOptions, now: number) {
    this.#options = options;
    this.#tokens = WINDOW_SECS * options.perSecond;
    this.#refilledAt = now;
  }

  /** Counts a first attempt. */
  deposit(): void {
    this.#tokens += this.#options.share;
  }

  /** Takes one retry out. False: the budget is spent. */
  take(now: number): boolean {
    const { share, perSecond } = this.#options;
    this.#tokens += ((now - this.#refilledAt) / 1000) * perSecond;
    this.#refilledAt = now;
    this.#tokens = Math.min(this.#tokens, WINDOW_SECS * perSecond + 1000 * share);
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}
