/**
 * `prefix_affinity`: `p2c` with the computing that a prompt's known beginning saves on an instance taken off its load. Beside its own
 * share of the fleet and the two drawn from all it looks at those who have the longest beginning, and goes there when that saves more
 * than the load there costs. A long prompt so follows its cache, a short one the free instance.
 */
import type { InstanceId } from "../../fleet/instance.ts";
import type { SchedulingRequest } from "../assignment.ts";
import type { Candidate, Policy, PolicyContext, PolicyDefinition } from "../policy.ts";
import { lesserOfTwo } from "../selectors.ts";
import type { Signal } from "../signals.ts";
import { mixedLoad, TOKENS_PER_REQUEST } from "../signals.ts";
import { pickFromHomeOrSpill, spillMargin } from "./p2c.ts";

class PrefixAffinity implements Policy {
  readonly #context: PolicyContext;
  /** The last pick, until it is confirmed. */
  #picked: { readonly request: SchedulingRequest; readonly id: InstanceId } | null = null;

  constructor(context: PolicyContext) {
    this.#context = context;
  }

  pick<C extends Candidate>(candidates: readonly C[], request: SchedulingRequest, now: number): C {
    const { prefixHashes = [], promptTokens } = request;
    const matched = prefixHashes.length === 0 ? NOTHING : this.#context.prefixes.match(prefixHashes);
    // The tokens of an incomplete last block are spread over the full ones: too little to matter.
    const savedPerBlock = promptTokens / prefixHashes.length / TOKENS_PER_REQUEST;
    const signal: Signal = (candidate, at) => {
      const blocks = matched.get(candidate.instance.id);
      return mixedLoad(candidate, at) - (blocks === undefined ? 0 : blocks * savedPerBlock);
    };
    let chosen = pickFromHomeOrSpill(candidates, signal, this.#context, now);
    const holders = longestHolders(candidates, matched);
    if (holders.length > 0) {
      const holder = lesserOfTwo(holders, signal, this.#context.random, now);
      if (signal(holder, now) < signal(chosen, now) - spillMargin(this.#context, now)) chosen = holder;
    }
    this.#picked = { request, id: chosen.instance.id };
    return chosen;
  }

  confirm(now: number): void {
    const picked = this.#picked;
    if (picked === null) return;
    this.#picked = null;
    const { request, id } = picked;
    const { prefixes, sessions } = this.#context;
    if (request.prefixHashes !== undefined) prefixes.record(id, request.prefixHashes, now);
    if (request.sessionId !== null) sessions.note(request.role, request.sessionId, id);
  }
}

const NOTHING: ReadonlyMap<InstanceId, number> = new Map();

/** Candidates that have most blocks of the prompt; none when nobody has one. */
function longestHolders<C extends Candidate>(candidates: readonly C[], matched: ReadonlyMap<InstanceId, number>): C[] {
  let most = 0;
  let holders: C[] = [];
  if (matched.size === 0) return holders;
  for (const candidate of candidates) {
    const blocks = matched.get(candidate.instance.id) ?? 0;
    if (blocks > most) {
      most = blocks;
      holders = [];
    }
    if (blocks > 0 && blocks === most) holders.push(candidate);
  }
  return holders;
}

export const prefixAffinity = {
  name: "prefix_affinity",
  summary:
    "As p2c, with the tokens of the prompt that an instance probably has cached taken off its load; of those that have most of it the less loaded of two is looked at too.",
  readsPrompt: "prefixes",
  create: (context) => new PrefixAffinity(context),
} as const satisfies PolicyDefinition;
