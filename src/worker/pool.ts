/**
 * Main side of the worker threads: starts them, posts them the fleet and each other's load, answers their control requests, sums their
 * figures, and starts one again that ended or hangs. Created by commands/serve.ts.
 */
import type { ControlReply, ControlRequest } from "../fleet/control.ts";
import type { InstanceId } from "../fleet/instance.ts";
import type { FleetReports, FleetSnapshot } from "../fleet/snapshot.ts";
import type { CutScope, FromWorker, LiveOptions, WorkerSettings } from "./messages.ts";
import { type PoolFigures, PoolTally, type PoolTotals, type SessionFigures, sumInstances } from "./pool-tally.ts";
import { PoolThread } from "./pool-thread.ts";
import { listenProblem } from "./port-check.ts";

export interface PoolEvents {
  /** The fleet as it is now: what a thread begins with. */
  fleet(): FleetSnapshot;
  control(request: ControlRequest): Promise<ControlReply>;
  /** Lines of a thread for the log. */
  lines(lines: Uint8Array): void;
  observed(id: InstanceId): void;
  info(message: string): void;
  warn(message: string): void;
  error(message: string): void;
}

/** What all threads start with; the rest is each one's own. */
export type PoolSettings = Omit<WorkerSettings, "name" | "seed" | "prefixSeed" | "reusePort" | "port"> & {
  readonly port: number;
  readonly workers: number;
  readonly seed: number;
};

/** How long a scrape waits for the threads; those that are late count with their last figures. */
const COLLECT_MS = 250;
const WATCH_MS = 500;
/** Longer than a hanging thread is left alive. */
const CONFIGURE_MS = 10_000;
/** A thread that leaves fewer pings unanswered is well. */
const LATE_PINGS = 4;
/** A thread that leaves so many pings unanswered hangs in an endless loop. */
const HUNG_PINGS = 10;
/** A second crash within this time is not answered at once, lest a fault at start-up spins. */
const STABLE_MS = 10_000;
const RESTART_DELAY_MS = 500;

export class WorkerPool {
  #settings: PoolSettings;
  readonly #events: PoolEvents;
  readonly #threads: PoolThread[] = [];
  #port: number;
  readonly #tally = new PoolTally();
  #restarts = 0;
  #crashedAt = -Infinity;
  #generation = 0;
  #stopping = false;
  #watch: Timer | null = null;

  constructor(settings: PoolSettings, events: PoolEvents) {
    this.#settings = settings;
    this.#events = events;
    this.#port = settings.port;
  }

  /** Creates the threads: they load their code meanwhile, and serve from `start` on. */
  load(): void {
    for (let index = 0; index < this.#settings.workers; index++) this.#create(index);
  }

  /** Resolves with the port once all threads listen. Rejects when one cannot. */
  async start(): Promise<number> {
    if (this.#threads.length === 0) this.load();
    const [first, ...others] = this.#threads;
    const together = this.#port === 0 ? others : this.#threads;
    // Where the port is 0 the first one finds it, and the others share it.
    if (first !== undefined && this.#port === 0) this.#port = await this.#begin(first);
    await Promise.all(together.map((thread) => this.#begin(thread)));
    this.#watch = setInterval(() => this.#checkThreads(), WATCH_MS);
    return this.#port;
  }

  publish(snapshot: FleetSnapshot): void {
    this.#tally.update(snapshot);
    for (const thread of this.#begun) thread.send({ kind: "snapshot", snapshot });
  }

  /** Figures between two snapshots. */
  report(reports: FleetReports): void {
    for (const thread of this.#begun) thread.send({ kind: "reports", reports });
  }

  /** Requests on each instance, over all threads, by their last digests. */
  inFlight(): ReadonlyMap<InstanceId, number> {
    const total = new Map<InstanceId, number>();
    for (const thread of this.#living) {
      for (const [id, load] of thread.loads) total.set(id, (total.get(id) ?? 0) + load.inFlight);
    }
    return total;
  }

  sessions(): SessionFigures {
    return this.#tally.sessions(this.#threads);
  }

  totals(): PoolTotals {
    return {
      requests: this.#tally.requests(this.#threads),
      inFlight: this.inFlight()
        .values()
        .reduce((sum, count) => sum + count, 0),
      serving: this.#threads.filter((thread) => thread.isListening).length,
      workers: this.#settings.workers,
    };
  }

  /** Whether every thread serves and was heard of lately: the systemd watchdog hangs on it. */
  get answers(): boolean {
    return this.#threads.every((thread) => thread.isListening && thread.unansweredPings < LATE_PINGS);
  }

  /** Hands changed options to all threads; resolves when every one has them. Requests under way keep what they began with. */
  async configure(options: LiveOptions): Promise<void> {
    this.#settings = { ...this.#settings, ...options };
    // One that ended is started with the new ones.
    const all = Promise.all(this.#begun.map((thread) => thread.configure(options)));
    const inTime = await Promise.race([all.then(() => true), Bun.sleep(CONFIGURE_MS).then(() => false)]);
    if (!inTime) throw new Error(`not every worker thread took the options over within ${CONFIGURE_MS} ms`);
  }

  async figures(): Promise<PoolFigures> {
    const fresh = this.#living.map((thread) => thread.collect());
    await Promise.race([Promise.all(fresh), Bun.sleep(COLLECT_MS)]);
    const now = performance.now();
    return {
      data: this.#tally.metrics(this.#living),
      instances: sumInstances(this.#living),
      workers: this.#living.filter((thread) => thread.isListening).length,
      restarts: this.#restarts,
      oldestDigestMs: Math.max(0, ...this.#living.map((thread) => now - thread.digestAt)),
    };
  }

  /** Ends the thread that has run longest, as a crash would; it is started again. */
  crashOne(): void {
    this.#threads.toSorted((a, b) => a.generation - b.generation)[0]?.terminate();
  }

  /** No new connections once clients had `noticeMs` to learn of it; resolves when nothing runs any more, or after `limitMs`. */
  async drain(limitMs: number, noticeMs = 0): Promise<boolean> {
    this.#stopping = true;
    for (const thread of this.#threads) thread.send({ kind: "drain", noticeMs });
    const all = Promise.all(this.#threads.map((thread) => thread.drained)).then(() => true);
    return Promise.race([all, Bun.sleep(limitMs).then(() => false)]);
  }

  /** Breaks off what still runs. */
  cut(what: CutScope): void {
    for (const thread of this.#threads) thread.send({ kind: "cut", what });
  }

  stop(): void {
    this.#stopping = true;
    if (this.#watch !== null) clearInterval(this.#watch);
    for (const thread of this.#threads) thread.terminate();
  }

  get #living(): readonly PoolThread[] {
    return this.#threads.filter((thread) => !thread.hasEnded);
  }

  /** A thread takes no message before its `start`, which has all in it that they would have told. */
  get #begun(): readonly PoolThread[] {
    return this.#living.filter((thread) => thread.hasBegun);
  }

  #create(index: number): PoolThread {
    const generation = this.#generation++;
    const thread = new PoolThread(index, generation, {
      message: (message) => this.#received(thread, message),
      ended: (reason) => this.#restart(thread, reason),
    });
    this.#threads[index] = thread;
    return thread;
  }

  /** Resolves with the port once the thread listens. */
  async #begin(thread: PoolThread): Promise<number> {
    const { workers, seed, ...shared } = this.#settings;
    const settings = {
      ...shared,
      port: this.#port,
      reusePort: workers > 1,
      name: thread.name,
      seed: seed + thread.generation,
      prefixSeed: seed,
    };
    thread.begin(settings, this.#events.fleet());
    thread.send({ kind: "dispatchers", index: thread.index, count: workers });
    try {
      return await thread.listening;
    } catch (error) {
      throw new Error(listenProblem(this.#settings.hostname, this.#port, error), { cause: error });
    }
  }

  #received(thread: PoolThread, message: FromWorker): void {
    switch (message.kind) {
      case "digest":
        for (const other of this.#threads) if (other !== thread) other.send({ kind: "digest", digest: message.digest });
        return;
      case "control":
        void this.#answer(thread, message.id, message.request);
        return;
      case "lines":
        this.#events.lines(message.lines);
        return;
      case "crashed":
        this.#events.error(`Panic recovered: ${message.message}`);
        return;
      case "observed":
        this.#events.observed(message.id);
        return;
      // The thread object keeps the rest.
      case "listening":
      case "cannot-listen":
      case "metrics":
      case "drained":
      case "configured":
      case "pong":
        return;
    }
  }

  async #answer(thread: PoolThread, id: number, request: ControlRequest): Promise<void> {
    let reply: ControlReply;
    try {
      reply = await this.#events.control(request);
    } catch (error) {
      // A mistake of ours must not leave the client waiting.
      this.#events.error(`Panic recovered: ${error instanceof Error ? error.stack : String(error)}`);
      reply = {
        status: 500,
        contentType: "application/json",
        body: JSON.stringify({ code: 500, msg: "Internal server error" }),
      };
    }
    thread.send({ kind: "control-reply", id, reply });
  }

  /** The thread took its own requests with it; the others learn that its load is gone. */
  #restart(thread: PoolThread, reason: string): void {
    this.#tally.keep(thread);
    // One that never listened fails the start as a whole.
    if (this.#stopping || (this.#watch === null && !thread.hasListened)) return;
    for (const other of this.#threads) if (other !== thread) other.send({ kind: "withdraw", dispatcher: thread.name });
    this.#restarts++;
    const now = performance.now();
    const delayMs = now - this.#crashedAt > STABLE_MS ? 0 : RESTART_DELAY_MS;
    this.#crashedAt = now;
    this.#events.error(`Worker thread ${thread.name} ended (${reason}), starting it again`);
    setTimeout(() => {
      if (this.#stopping) return;
      void this.#bringBack(this.#create(thread.index));
    }, delayMs);
  }

  async #bringBack(thread: PoolThread): Promise<void> {
    try {
      await this.#begin(thread);
      this.#events.info(`Worker thread ${thread.name} serves`);
    } catch (error) {
      if (this.#stopping || thread.hasEnded) return;
      this.#events.error(`Worker thread ${thread.name} cannot serve: ${String(error)}`);
      // Its end starts another one.
      thread.terminate();
    }
  }

  #checkThreads(): void {
    this.#tally.forgetDeparted();
    for (const thread of this.#living) {
      thread.ping();
      // One that is still starting may take long on a busy machine.
      if (thread.unansweredPings !== HUNG_PINGS || !thread.isListening) continue;
      this.#events.error(`Worker thread ${thread.name} has not answered for ${HUNG_PINGS * WATCH_MS} ms, ending it`);
      thread.terminate();
    }
  }
}
