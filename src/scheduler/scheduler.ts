/**
 * One dispatcher's choice of instances: counts what it sends, hears what the others send, and asks the policy. Pure: the clock
 * (milliseconds, monotone) and the dice are arguments, it reads nothing and sets no timer. A worker thread owns one and feeds
 * it snapshots and digests; the proxy asks it for assignments.
 */
import type { InstanceLoad, LoadDigest } from "../fleet/digest.ts";
import type { InstanceId, Role } from "../fleet/instance.ts";
import { ROLES } from "../fleet/instance.ts";
import type { FleetMember, FleetReports, FleetSnapshot } from "../fleet/snapshot.ts";
import type { Random } from "../lib/random.ts";
import type { AssignResult, Dispatcher, PromptUse, Refusal, SchedulingRequest } from "./assignment.ts";
import { CountedAssignment } from "./counted-assignment.ts";
import { ModelLearning } from "./learning.ts";
import type { RoleLoad } from "./load.ts";
import { LoadAccount } from "./load.ts";
import type { SchedulerOptions } from "./options.ts";
import { Peers } from "./peers.ts";
import type { PolicyName } from "./policies/index.ts";
import { findPolicy } from "./policies/index.ts";
import type { DispatcherView, Policy, PolicyContext } from "./policy.ts";
import type { Pool } from "./pools.ts";
import { Pools } from "./pools.ts";
import { PrefixIndex } from "./prefix-index.ts";
import { SessionStats } from "./session-stats.ts";

/** Bounds the memory of the prefix index to some 20 MB. */
const MAX_PREFIX_BLOCKS = 200_000;

export interface SchedulerContext {
  /** Unique among dispatchers, also of those that ended: digests carry it. */
  readonly name: string;
  readonly options: SchedulerOptions;
  readonly random: Random;
}

/** One instance for the metrics. */
export interface InstanceLoadView {
  readonly id: InstanceId;
  /** Requests of this dispatcher. */
  readonly inFlight: number;
  /** Estimated load by all dispatchers. */
  readonly load: number;
}

export class Scheduler implements Dispatcher {
  readonly #name: string;
  readonly #random: Random;
  #options: SchedulerOptions;
  #policies: Readonly<Record<Role, Policy>>;
  readonly #peers = new Peers();
  readonly #prefixes: PrefixIndex;
  readonly #sessions = new SessionStats();
  readonly #dispatchers: DispatcherView & { index: number; count: number };
  readonly #accounts = new Map<InstanceId, LoadAccount>();
  readonly #learning = new Map<string | null, ModelLearning>();
  readonly #roleLoads: Readonly<Record<Role, RoleLoad>> = {
    mixed: { mean: 0 },
    prefill: { mean: 0 },
    decode: { mean: 0 },
  };
  /** Accounts of the instances in the snapshot, sorted by id. */
  #members: readonly LoadAccount[] = [];
  #pools = new Pools([], 0);
  /** No instance warms up from then on. */
  #warmUntil = -Infinity;
  #version = -1;
  #sequence = 0;

  constructor({ name, options, random }: SchedulerContext) {
    this.#name = name;
    this.#random = random;
    this.#options = options;
    this.#dispatchers = { index: 0, count: 1, digestAgeMs: (now) => this.#peers.meanAgeMs(now) };
    this.#prefixes = new PrefixIndex({ maxBlocks: MAX_PREFIX_BLOCKS, evictAfterMs: evictAfterMs(options) });
    this.#policies = this.#createPolicies();
  }

  /** Changed options, for requests that come from now on. Counts and known prefixes stay. */
  configure(options: SchedulerOptions): void {
    this.#options = options;
    this.#policies = this.#createPolicies();
    this.#prefixes.evictAfterMs = evictAfterMs(options);
  }

  /** How many dispatchers share the fleet, and which of them (from 0) this one is. */
  setDispatchers(index: number, count: number): void {
    this.#dispatchers.index = index;
    this.#dispatchers.count = Math.max(1, count);
    this.#prefixes.isShared = count > 1;
    this.#sessions.isShared = count > 1;
  }

  /** Takes over the fleet. Requests under way stay counted, also on instances that left; a new epoch starts from nothing. */
  update(snapshot: FleetSnapshot, now: number): void {
    if (snapshot.version <= this.#version) return;
    this.#version = snapshot.version;
    const warmUpMs = this.#options["warm-up-secs"] * 1000;
    const warming = rolesToWarmUp(snapshot.members, warmUpMs);
    this.#warmUntil = warming.size > 0 ? now + warmUpMs : -Infinity;
    const members = snapshot.members.map((member) => {
      const account = this.#account(member);
      account.refresh(member, warming.has(member.instance.role) ? warmUpMs : 0, now);
      return account;
    });
    this.#setMembers(members);
    this.#dropIdle();
    this.#pools = new Pools(this.#members, now);
    this.#peers.withdrawSilent(now);
    this.#averageLoads(now);
  }

  /** Figures that engines reported since the last snapshot. */
  report({ version, reports }: FleetReports, now: number): void {
    if (version <= this.#version) return;
    this.#version = version;
    for (const [id, report] of reports) this.#accounts.get(id)?.takeReport(report, now);
    this.#pools = new Pools(this.#members, now);
  }

  /** Another dispatcher's digest; its own is ignored. */
  receive(digest: LoadDigest, now: number): void {
    if (digest.dispatcher === this.#name) return;
    this.#peers.receive(digest, now);
    for (const insert of digest.prefixes ?? []) this.#prefixes.receive(insert, now);
    for (const move of digest.sessions ?? []) this.#sessions.receive(move);
  }

  /** Another dispatcher ended, and its requests with it. */
  withdraw(dispatcher: string): void {
    this.#peers.withdraw(dispatcher);
  }

  /** How often the others want a digest: where each has few instances to itself, they depend more on each other. */
  get digestPeriodMs(): number {
    return this.#members.length < 4 * this.#dispatchers.count ? 10 : 50;
  }

  /** For the other dispatchers: what changed since the last one, null when nothing did. A full one is due every second. */
  takeDigest(now: number, full: boolean): LoadDigest | null {
    this.#peers.withdrawSilent(now);
    this.#averageLoads(now);
    const loads: InstanceLoad[] = [];
    for (const account of this.#accounts.values()) {
      const load = account.tell(full, now);
      if (load !== null && (!full || load.inFlight > 0)) loads.push(load);
    }
    const prefixes = this.#prefixes.takeUntold();
    const sessions = this.#sessions.takeUntold();
    if (loads.length === 0 && prefixes.length === 0 && sessions.length === 0 && !full) return null;
    return {
      dispatcher: this.#name,
      sequence: ++this.#sequence,
      full,
      loads,
      ...(prefixes.length > 0 && { prefixes }),
      ...(sessions.length > 0 && { sessions }),
    };
  }

  promptUse(role: Role): PromptUse {
    const use = findPolicy(policyName(this.#options, role)).readsPrompt ?? "nothing";
    // A decode instance counts no prompt tokens, so a policy that goes by them alone goes by requests there.
    return role === "decode" && use === "tokens" ? "nothing" : use;
  }

  /** How sessions kept to their instances, since the start. */
  get sessionCounts(): { readonly hits: number; readonly requests: number } {
    return this.#sessions;
  }

  assign(request: SchedulingRequest, excluded: ReadonlySet<InstanceId>, now: number): AssignResult {
    if (now >= this.#pools.validUntil) this.#pools = new Pools(this.#members, now);
    const pool = this.#pools.find(request.role, request.model);
    if (pool === "unknown-model") return refuse({ kind: "unknown-model", model: request.model ?? "" });
    if (pool === "no-instance" || pool.preferred.length === 0) return refuse({ kind: "no-instance" });
    const policy = this.#policies[request.role];
    // Nearly always the first pick will do; only else are the lists filtered.
    let account = policy.pick(pool.preferred, request, now);
    if (account.isFull || excluded.has(account.instance.id)) {
      const usable = usableOf(pool, excluded);
      if (usable.length === 0) return refuse(whyNone(pool, excluded));
      account = policy.pick(usable, request, now);
    }
    policy.confirm?.(now);
    const terms = { failurePenalty: this.#options["failure-penalty"], now };
    return { ok: true, assignment: new CountedAssignment(account, request, terms) };
  }

  /** Instances of the snapshot, and those that left with requests of this dispatcher. */
  inFlight(now: number): InstanceLoadView[] {
    return [...this.#accounts.values()].map((account) => ({
      id: account.instance.id,
      inFlight: account.inFlight,
      load: account.load(now),
    }));
  }

  #createPolicies(): Readonly<Record<Role, Policy>> {
    const context: PolicyContext = {
      random: this.#random,
      settings: this.#options,
      dispatchers: this.#dispatchers,
      prefixes: this.#prefixes,
      sessions: this.#sessions,
    };
    const create = (role: Role): Policy => findPolicy(policyName(this.#options, role)).create(context);
    return { mixed: create("mixed"), prefill: create("prefill"), decode: create("decode") };
  }

  #account(member: FleetMember): LoadAccount {
    const { id, model, role } = member.instance;
    const known = this.#accounts.get(id);
    if (known?.epoch === member.epoch) return known;
    if (known !== undefined) {
      this.#peers.voidInstance(id);
      this.#prefixes.forget(id);
    }
    // The old account stays with its requests, which settle there and touch nothing of the new process.
    const account = new LoadAccount(member, {
      peers: this.#peers.totals(id),
      learning: this.#learn(model),
      role: this.#roleLoads[role],
    });
    this.#accounts.set(id, account);
    return account;
  }

  #learn(model: string | null): ModelLearning {
    let learning = this.#learning.get(model);
    if (learning === undefined) {
      learning = new ModelLearning();
      this.#learning.set(model, learning);
    }
    return learning;
  }

  /** Most snapshots bring the same accounts with other figures: then all stays as it is. */
  #setMembers(members: readonly LoadAccount[]): void {
    const current = new Set(this.#members);
    if (members.length === current.size && members.every((account) => current.has(account))) return;
    this.#members = members.toSorted((a, b) => (a.instance.id < b.instance.id ? -1 : 1));
  }

  /** Accounts of instances that left stay while they have requests. */
  #dropIdle(): void {
    if (this.#accounts.size === this.#members.length) return;
    const members = new Set(this.#members);
    for (const [id, account] of this.#accounts) {
      if (!members.has(account) && account.inFlight === 0) this.#accounts.delete(id);
    }
    this.#peers.prune((id) => this.#accounts.has(id));
  }

  /** Only new instances ask for the mean. */
  #averageLoads(now: number): void {
    if (now >= this.#warmUntil) return;
    for (const role of ROLES) {
      const ready = this.#members.filter(({ instance, state }) => instance.role === role && state === "ready");
      const sum = ready.reduce((total, account) => total + account.countedLoad(now), 0);
      this.#roleLoads[role].mean = sum / Math.max(1, ready.length);
    }
  }
}

function policyName(options: SchedulerOptions, role: Role): PolicyName {
  return role === "mixed" ? options.policy : options[`${role}-policy`];
}

function evictAfterMs(options: SchedulerOptions): number {
  const minutes = options["eviction-duration-mins"];
  return minutes < 0 ? Infinity : minutes * 60_000;
}

function refuse(refusal: Refusal): AssignResult {
  return { ok: false, refusal };
}

/** Roles with new instances that do not make up most of the role: where nearly all are new, there is no load to be like. */
function rolesToWarmUp(members: readonly FleetMember[], warmUpMs: number): ReadonlySet<Role> {
  const ready = members.filter(({ state }) => state === "ready");
  const roles = new Set<Role>();
  for (const [role, ofRole] of Map.groupBy(ready, ({ instance }) => instance.role)) {
    const young = ofRole.filter(({ readyAgeMs }) => readyAgeMs < warmUpMs).length;
    if (young > 0 && young * 2 <= ofRole.length) roles.add(role);
  }
  return roles;
}

/** The preferred ones that can take the request, else the fallback ones. */
function usableOf(pool: Pool, excluded: ReadonlySet<InstanceId>): LoadAccount[] {
  const isUsable = (account: LoadAccount): boolean => !account.isFull && !excluded.has(account.instance.id);
  const preferred = pool.preferred.filter(isUsable);
  return preferred.length > 0 ? preferred : pool.fallback.filter(isUsable);
}

function whyNone(pool: Pool, excluded: ReadonlySet<InstanceId>): Refusal {
  const isExcluded = ({ instance }: LoadAccount): boolean => excluded.has(instance.id);
  return { kind: pool.preferred.every(isExcluded) && pool.fallback.every(isExcluded) ? "exhausted" : "saturated" };
}
