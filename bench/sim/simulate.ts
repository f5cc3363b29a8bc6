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
import { idOf, member, NONE } from "../../test/scheduler/support.ts";
import type { EngineShape } from "./engine.ts";
import { SimulatedEngine } from "./engine.ts";
import { EventQueue } from "./event-queue.ts";
import type { TraceRow } from "./trace.ts";

/** Prompt tokens that weigh as one request for the omniscient chooser, as in the router's own signal. */
const TOKENS_PER_REQUEST = 512;
const SAMPLE_EVERY_MS = 100;
const FULL_DIGEST_EVERY_MS = 1000;

export interface SimulationSpec {
  readonly instances: number;
  readonly dispatchers: number;
  /** Requests of the busiest dispatcher over those of the mean one, less 1; the others lie evenly between that and its mirror. */
  readonly skew: number;
  /** Mean age of what one dispatcher knows of another. */
  readonly digestAgeMs: number;
  readonly engine: EngineShape;
  readonly trace: readonly TraceRow[];
  /** Of all dispatchers together. */
  readonly requestsPerMs: number;
  readonly requests: number;
  /** Poisson, or the trace's own gaps scaled to the rate. */
  readonly arrivals: "poisson" | "trace";
  /** `omniscient`: one who sees every engine's true state and takes the least loaded. */
  readonly chooser: SchedulerOptions | "omniscient";
  readonly seed: number;
  readonly fault?: Fault;
}

export interface Fault {
  readonly atMs: number;
  readonly instance: number;
  readonly kind: "slow by 10" | "fails at once" | "joins";
}

export interface SimulationResult {
  /** Milliseconds each request waited, prefill itself excluded; without the first tenth, in which the fleet fills. */
  readonly queuedMs: Float64Array;
  readonly ttftMs: Float64Array;
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
  readonly #choices: { atMs: number; instance: number }[] = [];
  #imbalanceSum = 0;
  #samples = 0;
  #failed = 0;
  #faultyWaitingMost = 0;
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
      imbalance: this.#imbalanceSum / Math.max(1, this.#samples),
      failed: this.#failed,
      choices: this.#choices,
      faultyWaitingMost: this.#faultyWaitingMost,
    };
  }

  /** One arrival after the other, so that the queue stays short. */
  #arrive(): void {
    const { requests, trace, requestsPerMs, arrivals, fault } = this.#spec;
    const gaps = arrivals === "trace" ? scaledGaps(trace, requestsPerMs) : null;
    const next = (count: number, now: number): void => {
      this.#dispatch(traceRow(trace, gaps === null ? randomIndex(this.#random, trace.length) : count), now, count);
      this.#isOver = count + 1 === requests;
      if (this.#isOver) return;
      const gap = gaps?.[count % gaps.length] ?? -Math.log(1 - this.#random()) / requestsPerMs;
      this.#events.add(now + gap, (at) => next(count + 1, at));
    };
    this.#events.add(fault === undefined ? 0 : 1, (at) => next(0, at));
  }

  #dispatch(row: TraceRow, now: number, count: number): void {
    const assignment = this.#assign(row, now);
    const number = assignment === null ? this.#leastLoaded() : (this.#numbers.get(assignment.instance.id) ?? 0);
    this.#choices.push({ atMs: now, instance: number });
    const { fault, requests } = this.#spec;
    if (fault?.kind === "fails at once" && number === fault.instance && now >= fault.atMs) {
      this.#failed++;
      assignment?.settle({ kind: "failed", reason: "refused" }, now);
      return;
    }
    const isCounted = count >= requests / 10;
    this.#engineAt(number).submit(
      {
        promptTokens: row.promptTokens,
        outputTokens: row.outputTokens,
        onFirstToken: (at, queuedMs) => {
          assignment?.firstToken(at);
          if (!isCounted) return;
          this.#queuedMs.push(queuedMs);
          this.#ttftMs.push(at - now);
        },
        onEnd: (at) => {
          const usage = { promptTokens: row.promptTokens, cachedTokens: 0, completionTokens: row.outputTokens };
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
    } as const;
    const result = scheduler.assign(shape, NONE, now);
    if (!result.ok) throw new Error(`refused as ${result.refusal.kind}, wanted an assignment`);
    return result.assignment;
  }

  #drawDispatcher(): number {
    const { dispatchers, skew } = this.#spec;
    for (;;) {
      const index = randomIndex(this.#random, dispatchers);
      const place = dispatchers === 1 ? 0 : (2 * index) / (dispatchers - 1) - 1;
      if (this.#random() * (1 + skew) < 1 + skew * place) return index;
    }
  }

  #leastLoaded(): number {
    const loads = this.#engines.map((engine) => engine.requests + engine.pendingTokens / TOKENS_PER_REQUEST);
    return loads.indexOf(Math.min(...loads));
  }

  /** Digests leave once per mean age and take half of it to arrive. */
  #exchange(sender: Scheduler, index: number): void {
    const { digestAgeMs, dispatchers } = this.#spec;
    if (dispatchers === 1) return;
    let fullDueAt = 0;
    const send = (now: number): void => {
      const full = now >= fullDueAt;
      if (full) fullDueAt = now + FULL_DIGEST_EVERY_MS;
      const digest = sender.takeDigest(now, full);
      if (digest !== null) {
        this.#events.add(now + digestAgeMs / 2, (at) => {
          for (const receiver of this.#schedulers) receiver.receive(digest, at);
        });
      }
      if (!this.#isOver) this.#events.add(now + digestAgeMs, send);
    };
    this.#events.add((index * digestAgeMs) / dispatchers, send);
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

function traceRow(trace: readonly TraceRow[], index: number): TraceRow {
  const row = trace[index % trace.length];
  if (row === undefined) throw new Error("the trace is empty, wanted at least one request");
  return row;
}

/** Gaps between arrivals with the trace's rhythm and the wanted rate. Equal times (batches) are spread up to the next one. */
function scaledGaps(trace: readonly TraceRow[], requestsPerMs: number): number[] {
  const times = trace.map(({ atMs }) => atMs);
  for (let start = 0; start < times.length;) {
    let end = start + 1;
    while (end < times.length && times[end] === times[start]) end++;
    const from = times[start] ?? 0;
    const step = ((times[end] ?? from) - from) / (end - start);
    for (let i = start; i < end; i++) times[i] = from + (i - start) * step;
    start = end;
  }
  const gaps = times.slice(1).map((time, i) => time - (times[i] ?? time));
  const mean = gaps.reduce((sum, gap) => sum + gap, 0) / Math.max(1, gaps.length);
  return mean === 0 ? [1 / requestsPerMs] : gaps.map((gap) => gap / mean / requestsPerMs);
}
