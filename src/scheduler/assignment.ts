/** What the proxy and the scheduler say to each other: a request's shape, the choice made for it, and how it ended. */
import type { Instance, InstanceId, Role } from "../fleet/instance.ts";
import type { CacheChoice } from "./cache-choice.ts";

/** All that a policy may know of a request. */
export interface SchedulingRequest {
  readonly role: Role;
  /** Null when the body names none. */
  readonly model: string | null;
  /** Prompt length estimated from bytes (ascii/4 + other·0.8), before the scheduler's own correction. */
  readonly promptTokens: number;
  readonly stream: boolean;
  readonly sessionId: string | null;
  /** Prompt length as policies that read tokens count it: twice its code points. Absent where none reads it; then the estimate counts. */
  readonly countedTokens?: number;
  /** Chained hashes of the prompt's full blocks (prefix-hashes.ts). Absent where no policy reads prefixes, or the prompt is empty. */
  readonly prefixHashes?: readonly number[];
  /** Told why a cache-aware policy chose as it did. Absent where nobody wants to know. */
  readonly explain?: (choice: CacheChoice) => void;
}

/** How a request ended, seen from the instance. `settle` is told exactly once. */
export type Outcome =
  /** Answered to its end. `usage` when the answer named its token counts. */
  | { readonly kind: "completed"; readonly usage: TokenUsage | null }
  /** The instance answered, but with a client error, or an overload that is not its fault. Never counts against it. */
  | { readonly kind: "declined"; readonly status: number }
  /** The instance broke: no connection, no answer, cut answer, a clock ran out. */
  | { readonly kind: "failed"; readonly reason: string }
  /** The client left, or the router gave up for another reason than this instance. */
  | { readonly kind: "abandoned" };

export interface TokenUsage {
  readonly promptTokens: number;
  readonly cachedTokens: number;
  readonly completionTokens: number;
}

/** One request counted on one instance. */
export interface Assignment {
  readonly instance: Instance;
  /** Requests in flight on the instance now, by all dispatchers; for the log. */
  readonly requestCount: number;
  /** Prompt tokens of these requests. */
  readonly promptTokens: number;
  /** The first streamed token came back: pending prefill tokens drop out of the load. At most once has an effect. */
  firstToken(now: number): void;
  /** Gives the count back. A second call is a programming error and throws. */
  settle(outcome: Outcome, now: number): void;
}

/** Why nothing could be assigned. */
export type Refusal =
  | { readonly kind: "no-instance" }
  | { readonly kind: "unknown-model"; readonly model: string }
  /** Every candidate was excluded because this request already failed there. */
  | { readonly kind: "exhausted" }
  /** Every candidate is at its in-flight limit. */
  | { readonly kind: "saturated" };

export type AssignResult =
  { readonly ok: true; readonly assignment: Assignment } | { readonly ok: false; readonly refusal: Refusal };

/** What a role's policy reads of the prompt: nothing, its length in `countedTokens`, or that and its `prefixHashes`. */
export type PromptUse = "nothing" | "tokens" | "prefixes";

/** The scheduler as the proxy sees it. */
export interface Dispatcher {
  promptUse(role: Role): PromptUse;
  assign(request: SchedulingRequest, excluded: ReadonlySet<InstanceId>, now: number): AssignResult;
}
