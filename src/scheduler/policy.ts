/**
 * The contract of a policy: which of these candidates? A policy is a signal (how loaded is one, signals.ts) times a selector
 * (whom to choose, selectors.ts). Each is one file in policies/, listed in policies/index.ts. The scheduler calls `pick`.
 */
import type { Instance, InstanceId, Role } from "../fleet/instance.ts";
import type { Random } from "../lib/random.ts";
import type { PromptUse, SchedulingRequest } from "./assignment.ts";

/** What a policy may read of an instance. Counts are those of all dispatchers: own ones now, others' by their last digest. */
export interface Candidate {
  readonly instance: Instance;
  /** Requests in flight. */
  readonly requestCount: number;
  /** Prompt tokens of the requests in flight. */
  readonly promptTokens: number;
  /** Estimated load in requests, divided by the weight (design of the signal: load.ts). */
  load(now: number): number;
  /** `running + waiting * waitingWeight` as the engine reported, moved on by what was sent since; null without a fresh report. */
  reportedScore(waitingWeight: number, now: number): number | null;
}

export interface Policy {
  /**
   * One of `candidates`, which is never empty and stands in order of instance id. May be called again for the same request with
   * fewer candidates, when the first pick turned out to be excluded or full.
   */
  pick<C extends Candidate>(candidates: readonly C[], request: SchedulingRequest, now: number): C;
  /** The request goes where the last pick said. For policies that learn from what they chose. */
  confirm?(now: number): void;
}

/** The dispatchers that share the fleet, as seen by one of them. */
export interface DispatcherView {
  /** 0-based position of this dispatcher among them. */
  readonly index: number;
  readonly count: number;
  /** Mean age of what is known of the others; 0 when there are none. */
  digestAgeMs(now: number): number;
}

/** The options that policies read; the section `scheduler` of the config has them all. */
export interface PolicySettings {
  readonly "spill-margin": number;
  readonly "waiting-weight": number;
  readonly "balance-abs-threshold": number;
  readonly "balance-rel-threshold": number;
  readonly "hit-ratio-weight": number;
  readonly "load-balance-weight": number;
}

/** Which prompts the dispatchers sent to whom. */
export interface Prefixes {
  /** Blocks from the first on that each instance probably has in its cache; those that have none are absent. */
  match(hashes: readonly number[]): ReadonlyMap<InstanceId, number>;
  /** The instance gets a prompt of these blocks. */
  record(id: InstanceId, hashes: readonly number[], now: number): void;
}

/** Whether sessions stay on their instances. It influences no choice. */
export interface Sessions {
  note(role: Role, sessionId: string, chosen: InstanceId): void;
}

export interface PolicyContext {
  readonly random: Random;
  readonly settings: PolicySettings;
  readonly dispatchers: DispatcherView;
  readonly prefixes: Prefixes;
  readonly sessions: Sessions;
}

/** A row of the table of policies. */
export interface PolicyDefinition {
  readonly name: string;
  /** One sentence for the docs and the help. */
  readonly summary: string;
  /** What it wants to know of the prompt, which costs the proxy a parse of the whole body. Absent: nothing. */
  readonly readsPrompt?: Exclude<PromptUse, "nothing">;
  /** It goes by what the engines report, so that their metrics have to be gathered. */
  readonly readsReports?: boolean;
  readonly create: (context: PolicyContext) => Policy;
}
