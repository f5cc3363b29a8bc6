/** `round_robin`: in turn, blind to load. Dispatchers start at different places, lest all begin with the first instance. */
import type { Candidate, DispatcherView, Policy, PolicyDefinition } from "../policy.ts";
import { elementAt } from "../selectors.ts";

class RoundRobin implements Policy {
  readonly #dispatchers: DispatcherView;
  #turn = 0;

  constructor(dispatchers: DispatcherView) {
    this.#dispatchers = dispatchers;
  }

  pick<C extends Candidate>(candidates: readonly C[]): C {
    const { index, count } = this.#dispatchers;
    const start = Math.floor((index * candidates.length) / count);
    const turn = this.#turn;
    this.#turn = (turn + 1) % Number.MAX_SAFE_INTEGER;
    return elementAt(candidates, (start + turn) % candidates.length);
  }
}

export const roundRobin = {
  name: "round_robin",
  summary: "Every instance in turn, in order of URL.",
  create: ({ dispatchers }) => new RoundRobin(dispatchers),
} as const satisfies PolicyDefinition;
