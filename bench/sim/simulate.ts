/**
 * Runs the project's own schedulers against simulated engines in simulated time: requests come to dispatchers at random, the
 * dispatchers tell each other of their load with a delay, and everything that waits is measured.
 */
import type { InstanceId } from "../../src/fleet/instance.ts";
import type { FleetMember } from "../../src/fleet/snapshot.ts";
import type { Random } from "../../src/lib/random.ts";
import { createRandom, randomIndex } from "../../src/lib/random.ts";
import type { Assignment } from "../../src/scheduler/assignment.ts";
import type { SchedulerOptions } from "../../src/scheduler/options.ts";
import { Scheduler } from "../../src/scheduler/scheduler.ts";
import { TOKENS_PER_REQUEST } from "../../src/scheduler/signals.ts";
import { idOf, member, NONE } from "../../test/scheduler/support.ts";
import { type Arrivals, gapsFrom, traceRow } from "./arrivals.ts";
import type { EngineShape } from "./engine.ts";
import { SimulatedEngine } from "./engine.ts";
import { EventQueue } from "./event-queue.ts";
import type { TraceRow } from "./trace.ts";

const SAMPLE_EVERY_MS = 100;
const FULL_DIGEST_EVERY_MS = 1000;

export interface SimulationSpec extends Arrivals {
  readonly instances: number;
  readonly dispatchers: number;
  /** Requests of the busiest dispatcher over those of the mean one, less 1; the others lie evenly between that and its mirror. */
  readonly skew: number;
  /** Mean age of what one dispatcher knows of another. */
  readonly digestAgeMs: number;
  /** How much of that they are under way; half when absent. */
  readonly digestDelayMs?: number;
  readonly engine: EngineShape;
  readonly requests: number;
  /** `omniscient`: one who sees every engine's true state, cache included, and takes the least loaded. */
  readonly chooser: SchedulerOptions | "omniscient";
  readonly seed: number;
  readonly fault?: Fault;
}

export interface Fault {
  readonly atMs: number;
  readonly instance: number;
  readonly kind: "slow by 10" | "fails at once" | "joins";
}

/** A request that got its first token. */
export interface Served {
  readonly arrivedAtMs: number;
  readonly queuedMs: number;
  readonly ttftMs: number;
}

export interface SimulationResult {
  /** Milliseconds each request waited, prefill itself excluded; without the first tenth, in which the fleet fills. */
  readonly queuedMs: Float64Array;
  readonly ttftMs: Float64Array;
  /** All requests, the first tenth too, in the order of their first tokens. */
  readonly served: readonly Served[];
  /** Share of the prompt tokens that the engines found in their caches. */
  readonly hitRate: number;
  /** Mean over time of most requests on an instance / requests on the mean instance. */
  readonly imbalance: number;
  readonly failed: number;
  /** In time order: which instance every request went to. */
  readonly choices: readonly { readonly atMs: number; readonly instance: number }[];
  /** Most requests that waited for a slot on the instance of the fault, after it. */
  readonly faultyWaitingMost: number;
}

export function simulate(spec: SimulationSpec): SimulationResult {
  return new Simulation(spec).run();
}

class Simulation {
  readonly #spec: SimulationSpec;
  readonly #events = new EventQueue();
  readonly #random: Random;
  readonly #engines: readonly SimulatedEngine[];
  readonly #schedulers: readonly Scheduler[];
  readonly #numbers = new Map<InstanceId, number>();
  readonly #queuedMs: number[] = [];
  readonly #ttftMs: number[] = [];
  readonly #served: Served[] = [];
  readonly #choices: { atMs: number; instance: number }[] = [];
  #imbalanceSum = 0;
  #samples = 0;
  #failed = 0;
  #faultyWaitingMost = 0;
  #promptTokens = 0;
  #cachedTokens = 0;
  #isOver = false;

  constructor(spec: SimulationSpec) {
    this.#spec = spec;
    this.#random = createRandom(spec.seed);
    this.#engines = Array.from({ length: spec.instances }, () => new SimulatedEngine(this.#events, spec.engine));
    const { chooser } = spec;
    this.#schedulers =
      chooser === "omniscient"
        ? []
        : Array.from({ length: spec.dispatchers }, (_, index) => {
            const random = createRandom(spec.seed * 1000 + index);
            const scheduler = new Scheduler({ name: `dispatcher-${index}`, options: chooser, random });
            scheduler.setDispatchers(index, spec.dispatchers);
            return scheduler;
          });
  }

  run(): SimulationResult {
    const { fault } = this.#spec;
    this.#publish(1, 0);
    if (fault !== undefined) {
      this.#events.add(fault.atMs, (now) => {
        if (fault.kind === "slow by 10") this.#engineAt(fault.instance).slowness = 10;
        if (fault.kind === "joins") this.#publish(2, now);
      });
    }
    for (const [index, scheduler] of this.#schedulers.entries()) this.#exchange(scheduler, index);
    this.#arrive();
    this.#sample(SAMPLE_EVERY_MS);
    this.#events.runUntil(Infinity);
    return {
      queuedMs: Float64Array.from(this.#queuedMs).toSorted(),
      ttftMs: Float64Array.from(this.#ttftMs).toSorted(),
      served: this.#served,
      hitRate: this.#cachedTokens / Math.max(1, this.#promptTokens),
      imbalance: this.#imbalanceSum / Math.max(1, this.#samples),
      failed: this.#failed,
      choices: this.#choices,
      faultyWaitingMost: this.#faultyWaitingMost,
    };
  }

  /** One arrival after the other, so that the queue stays short. */
  #arrive(): void {
    const { requests, trace, fault } = this.#spec;
    const gapAfter = gapsFrom(this.#spec, this.#random);
    const next = (count: number, now: number): void => {
      const row = this.#spec.arrivals === "poisson" ? randomIndex(this.#random, trace.length) : count;
      this.#dispatch(traceRow(trace, row), now, count);
      this.#isOver = count + 1 === requests;
      if (!this.#isOver) this.#events.add(now + gapAfter(count), (at) => next(count + 1, at));
    };
    this.#events.add(fault === undefined ? 0 : 1, (at) => next(0, at));
  }

  #dispatch(row: TraceRow, now: number, count: number): void {
    const assignment = this.#assign(row, now);
    const number = assignment === null ? this.#leastLoaded(row) : (this.#numbers.get(assignment.instance.id) ?? 0);
    this.#choices.push({ atMs: now, instance: number });
    const { fault, requests } = this.#spec;
    if (fault?.kind === "fails at once" && number === fault.instance && now >= fault.atMs) {
      this.#failed++;
      assignment?.settle({ kind: "failed", reason: "refused" }, now);
      return;
    }
    const isCounted = count >= requests / 10;
    let cachedTokens = 0;
    this.#engineAt(number).submit(
      {
        ...row,
        onFirstToken: (at, first) => {
          assignment?.firstToken(at);
          cachedTokens = first.cachedTokens;
          this.#served.push({ arrivedAtMs: now, queuedMs: first.queuedMs, ttftMs: at - now });
          if (!isCounted) return;
          this.#queuedMs.push(first.queuedMs);
          this.#ttftMs.push(at - now);
          this.#promptTokens += row.promptTokens;
          this.#cachedTokens += cachedTokens;
        },
        onEnd: (at) => {
          const usage = { promptTokens: row.promptTokens, cachedTokens, completionTokens: row.outputTokens };
          assignment?.settle({ kind: "completed", usage }, at);
        },
      },
      now,
    );
  }

  /** Null when the omniscient one chooses. */
  #assign(row: TraceRow, now: number): Assignment | null {
    const scheduler = this.#schedulers[this.#drawDispatcher()];
    if (scheduler === undefined) return null;
    const shape = {
      role: "mixed",
      model: null,
      promptTokens: row.promptTokens,
      stream: true,
      sessionId: null,
      ...(row.blocks !== undefined && { countedTokens: row.promptTokens, prefixHashes: row.blocks }),
    } as const;
    const result = scheduler.assign(shape, NONE, now);
    if (!result.ok) throw new Error(`refused as ${result.refusal.kind}, wanted an assignment`);
    const isTold = this.#spec.digestAgeMs === 0 && this.#schedulers.length > 1;
    return isTold ? this.#toldAtOnce(scheduler, result.assignment, now) : result.assignment;
  }

  #drawDispatcher(): number {
    const { dispatchers, skew } = this.#spec;
    for (;;) {
      const index = randomIndex(this.#random, dispatchers);
      const place = dispatchers === 1 ? 0 : (2 * index) / (dispatchers - 1) - 1;
      if (this.#random() * (1 + skew) < 1 + skew * place) return index;
    }
  }

  #leastLoaded(row: TraceRow): number {
    const loads = this.#engines.map(
      (engine) => engine.requests + (engine.pendingTokens + engine.uncachedTokens(row)) / TOKENS_PER_REQUEST,
    );
    return loads.indexOf(Math.min(...loads));
  }

  /** Digests leave at the period that makes their mean age, given how long they take to arrive. */
  #exchange(sender: Scheduler, index: number): void {
    const { digestAgeMs, dispatchers, digestDelayMs = digestAgeMs / 2 } = this.#spec;
    if (dispatchers === 1) return;
    const periodMs = digestAgeMs === 0 ? FULL_DIGEST_EVERY_MS : 2 * (digestAgeMs - digestDelayMs);
    let fullDueAt = 0;
    const send = (now: number): void => {
      const full = now >= fullDueAt;
      if (full) fullDueAt = now + FULL_DIGEST_EVERY_MS;
      this.#tell(sender, full, now);
      if (!this.#isOver) this.#events.add(now + periodMs, send);
    };
    this.#events.add((index * periodMs) / dispatchers, send);
  }

  #tell(sender: Scheduler, full: boolean, now: number): void {
    const { digestAgeMs, digestDelayMs = digestAgeMs / 2 } = this.#spec;
    const digest = sender.takeDigest(now, full);
    if (digest === null) return;
    const hear = (at: number): void => {
      for (const receiver of this.#schedulers) receiver.receive(digest, at);
    };
    if (digestAgeMs === 0) hear(now);
    else this.#events.add(now + digestDelayMs, hear);
  }

  /** Where nothing is old: every change is told as it happens. */
  #toldAtOnce(sender: Scheduler, assignment: Assignment, now: number): Assignment {
    this.#tell(sender, false, now);
    const { instance, requestCount, promptTokens } = assignment;
    return {
      instance,
      requestCount,
      promptTokens,
      firstToken: (at) => {
        assignment.firstToken(at);
        this.#tell(sender, false, at);
      },
      settle: (outcome, at) => {
        assignment.settle(outcome, at);
        this.#tell(sender, false, at);
      },
    };
  }

  #sample(at: number): void {
    this.#events.add(at, (now) => {
      const counts = this.#engines.map((engine) => engine.requests);
      const total = counts.reduce((sum, count) => sum + count, 0);
      if (total > 0) this.#imbalanceSum += (Math.max(...counts) * counts.length) / total;
      this.#samples++;
      const { fault } = this.#spec;
      if (fault !== undefined && now >= fault.atMs) {
        this.#faultyWaitingMost = Math.max(this.#faultyWaitingMost, this.#engineAt(fault.instance).waiting);
      }
      if (!this.#isOver) this.#sample(now + SAMPLE_EVERY_MS);
    });
  }

  #publish(version: number, now: number): void {
    const { fault, instances } = this.#spec;
    const members: FleetMember[] = [];
    for (let number = 0; number < instances; number++) {
      const isNew = fault?.kind === "joins" && fault.instance === number;
      this.#numbers.set(idOf(number), number);
      if (isNew && version === 1) continue;
      members.push(member(number, isNew ? { readyAgeMs: 0 } : {}));
    }
    for (const scheduler of this.#schedulers) scheduler.update({ version, members }, now);
  }

  #engineAt(number: number): SimulatedEngine {
    const engine = this.#engines[number];
    if (engine === undefined) throw new Error(`no engine ${number}, wanted one below ${this.#engines.length}`);
    return engine;
  }
}
