/**
 * The load of one instance, as one dispatcher knows it:
 *
 *     (requests in flight + tokens pending prefill / 512 + foreign requests) / weight + penalty + warm-up
 *
 * Requests and tokens are own ones now plus the other dispatchers' by their last digests. Foreign requests are those that no
 * router sent. The scheduler holds one account per instance and epoch; policies read it as a Candidate.
 */
import type { InstanceLoad } from "../fleet/digest.ts";
import type { Instance } from "../fleet/instance.ts";
import type { FleetMember, LoadReport, SchedulableState } from "../fleet/snapshot.ts";
import type { SchedulingRequest } from "./assignment.ts";
import { EngineReport } from "./engine-report.ts";
import { Fading } from "./fading.ts";
import type { ModelLearning } from "./learning.ts";
import type { PeerTotals } from "./peers.ts";
import type { PendingTokens } from "./pending-prefill.ts";
import { PendingPrefill } from "./pending-prefill.ts";
import type { Candidate } from "./policy.ts";
import { TOKENS_PER_REQUEST } from "./signals.ts";

/** Time in which the penalty of failures fades, linearly. */
const PENALTY_MS = 60_000;
/** Token counts are multiples of this, so that sums of them are exact and come back to 0. */
const TOKEN_STEP = 1 / 16;

/** The load that instances of one role have on average: what a new one is assumed to have at first. */
export interface RoleLoad {
  mean: number;
}

/** What an account shares with others. */
export interface AccountContext {
  readonly peers: PeerTotals;
  readonly learning: ModelLearning;
  readonly role: RoleLoad;
}

/** What one request put on its instance. */
export interface Charge extends PendingTokens {
  readonly promptTokens: number;
  /** Tokens to prefill on the instance up to and including this request, when it was assigned. */
  readonly prefillTokens: number;
}

export class LoadAccount implements Candidate {
  readonly epoch: number;
  readonly learning: ModelLearning;
  readonly #peers: PeerTotals;
  readonly #role: RoleLoad;
  readonly #pending = new PendingPrefill();
  readonly #penalty = new Fading(PENALTY_MS);
  readonly #report = new EngineReport();
  #instance: Instance;
  #state: SchedulableState;
  #inFlight = 0;
  #promptTokens = 0;
  #told: InstanceLoad | null = null;
  #warmUpMs = 0;
  #warmUntil = -Infinity;
  /** Penalty, foreign load and warm-up are nothing from then on. */
  #surchargeUntil = -Infinity;

  constructor(member: FleetMember, context: AccountContext) {
    this.epoch = member.epoch;
    this.#instance = member.instance;
    this.#state = member.state;
    this.#peers = context.peers;
    this.#role = context.role;
    this.learning = context.learning;
  }

  get instance(): Instance {
    return this.#instance;
  }

  get state(): SchedulableState {
    return this.#state;
  }

  /** Requests of this dispatcher. */
  get inFlight(): number {
    return this.#inFlight;
  }

  get requestCount(): number {
    return this.#inFlight + this.#peers.requests;
  }

  get promptTokens(): number {
    return this.#promptTokens + this.#peers.promptTokens;
  }

  get isFull(): boolean {
    const { maxInFlight } = this.#instance;
    return maxInFlight !== null && this.requestCount >= maxInFlight;
  }

  /** Until then the engine is best avoided: its KV cache was nearly full and requests waited. */
  get gatedUntil(): number {
    return this.#report.gatedUntil;
  }

  load(now: number): number {
    const counted = this.countedLoad(now);
    return now < this.#surchargeUntil ? counted + this.#surcharge(now) : counted;
  }

  /** Without what is assumed: penalty, warm-up and foreign requests. */
  countedLoad(now: number): number {
    const tokens = this.#pending.at(now) + this.#peers.pendingPrefillTokens;
    return (this.requestCount + tokens / TOKENS_PER_REQUEST) / this.#instance.weight;
  }

  reportedScore(waitingWeight: number, now: number): number | null {
    return this.#report.score(waitingWeight, this.requestCount, now);
  }

  /** The instance as the newest snapshot has it. `warmUpMs` is 0 when it need not warm up. */
  refresh(member: FleetMember, warmUpMs: number, now: number): void {
    this.#instance = member.instance;
    this.#state = member.state;
    this.#report.update(member.report, this.requestCount, now);
    this.#warmUpMs = warmUpMs;
    this.#warmUntil = warmUpMs > 0 ? now - member.readyAgeMs + warmUpMs : -Infinity;
    this.#extendSurcharge();
  }

  takeReport(report: LoadReport, now: number): void {
    this.#report.update(report, this.requestCount, now);
    this.#extendSurcharge();
  }

  charge(request: SchedulingRequest, now: number): Charge {
    const { learning } = this;
    // A decode instance gets its prompt computed.
    const estimate = request.role === "decode" ? 0 : learning.promptTokens(request.promptTokens);
    // A count is told by the client's text alone: what answers teach of the tokenizer must not move it.
    const promptTokens = request.role === "decode" ? 0 : (request.countedTokens ?? quantize(estimate));
    const uncachedTokens = quantize(learning.uncachedTokens(estimate));
    const prefillTokens = this.#pending.at(now) + this.#peers.pendingPrefillTokens + uncachedTokens;
    const expiresAt = request.stream ? Infinity : now + learning.prefillMs(prefillTokens);
    this.#inFlight++;
    this.#promptTokens += promptTokens;
    this.#report.noteCount(this.requestCount, now);
    const charge: Charge = { promptTokens, prefillTokens, tokens: uncachedTokens, expiresAt, next: null };
    this.#pending.add(charge);
    return charge;
  }

  /** Whether prefill tokens were still counted as pending. */
  prefilled(charge: Charge): boolean {
    return this.#pending.giveBack(charge);
  }

  giveBack(charge: Charge): void {
    this.#pending.giveBack(charge);
    this.#inFlight--;
    this.#promptTokens -= charge.promptTokens;
  }

  penalize(load: number, now: number): void {
    this.#penalty.add(load, now);
    this.#extendSurcharge();
  }

  /** Own contribution for a digest; null when `all` is false and it was told before, or when there is none to tell of. */
  tell(all: boolean, now: number): InstanceLoad | null {
    const inFlight = this.#inFlight;
    const pendingPrefillTokens = this.#pending.at(now);
    const told = this.#told;
    const isSame =
      told === null
        ? inFlight === 0
        : told.inFlight === inFlight &&
          told.pendingPrefillTokens === pendingPrefillTokens &&
          told.promptTokens === this.#promptTokens;
    if (!isSame) {
      this.#told = { id: this.#instance.id, inFlight, pendingPrefillTokens, promptTokens: this.#promptTokens };
      return this.#told;
    }
    return all && inFlight > 0 ? told : null;
  }

  #surcharge(now: number): number {
    const warmUpLeft = (this.#warmUntil - now) / this.#warmUpMs;
    const warmUp = warmUpLeft > 0 ? this.#role.mean * Math.min(1, warmUpLeft) : 0;
    return this.#penalty.at(now) + this.#report.foreignRequests(now) / this.#instance.weight + warmUp;
  }

  #extendSurcharge(): void {
    this.#surchargeUntil = Math.max(this.#penalty.endsAt, this.#report.foreignUntil, this.#warmUntil);
  }
}

function quantize(tokens: number): number {
  return Math.ceil(tokens / TOKEN_STEP) * TOKEN_STEP;
}
