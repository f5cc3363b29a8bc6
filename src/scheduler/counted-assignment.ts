/** One request on one instance: made by the scheduler, ended by the proxy. */
import type { Instance } from "../fleet/instance.ts";
import type { Assignment, Outcome, SchedulingRequest } from "./assignment.ts";
import type { Charge, LoadAccount } from "./load.ts";

export class CountedAssignment implements Assignment {
  readonly instance: Instance;
  readonly #account: LoadAccount;
  readonly #request: SchedulingRequest;
  readonly #charge: Charge;
  readonly #failurePenalty: number;
  readonly #assignedAt: number;
  #isSettled = false;

  constructor(account: LoadAccount, request: SchedulingRequest, terms: { failurePenalty: number; now: number }) {
    this.instance = account.instance;
    this.#account = account;
    this.#request = request;
    this.#failurePenalty = terms.failurePenalty;
    this.#assignedAt = terms.now;
    this.#charge = account.charge(request, terms.now);
  }

  get requestCount(): number {
    return this.#account.requestCount;
  }

  get promptTokens(): number {
    return this.#account.promptTokens;
  }

  firstToken(now: number): void {
    const wasPending = this.#account.prefilled(this.#charge);
    // What is not streamed shows its first token with its last: that teaches nothing of prefill.
    if (wasPending && this.#request.stream) {
      this.#account.learning.recordPrefill(this.#charge.prefillTokens, now - this.#assignedAt);
    }
  }

  settle(outcome: Outcome, now: number): void {
    if (this.#isSettled) throw new Error(`cannot settle an assignment to ${this.instance.id} twice, wanted once`);
    this.#isSettled = true;
    this.#account.giveBack(this.#charge);
    if (outcome.kind === "failed") this.#account.penalize(this.#failurePenalty, now);
    else if (outcome.kind === "completed" && outcome.usage !== null) {
      this.#account.learning.recordUsage(this.#request.promptTokens, outcome.usage);
    }
  }
}
