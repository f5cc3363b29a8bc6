/** One worker thread as the pool sees it: its Worker, what it last told, and whether it still answers. */
import type { InstanceLoad, LoadDigest } from "../fleet/digest.ts";
import type { InstanceId } from "../fleet/instance.ts";
import type { FleetSnapshot } from "../fleet/snapshot.ts";
import { NO_METRICS, type MetricData } from "../metrics/metric-set.ts";
import type { FromWorker, InstanceFigures, LiveOptions, ToWorker, WorkerSettings } from "./messages.ts";

export interface ThreadEvents {
  /** All messages that the thread object does not keep for itself. */
  message(message: FromWorker): void;
  /** Once, however the thread ended. */
  ended(reason: string): void;
}

export class PoolThread {
  readonly index: number;
  readonly generation: number;
  /** Name of its dispatcher: never used again by another thread. */
  readonly name: string;
  readonly #worker: Worker;
  readonly #listening = Promise.withResolvers<number>();
  readonly #drained = Promise.withResolvers<void>();
  readonly #loads = new Map<InstanceId, InstanceLoad>();
  /** Of those who wait for figures. */
  readonly #collected: (() => void)[] = [];
  /** One for each `configure` without an answer, in their order, which is that of the answers. */
  readonly #configured: (() => void)[] = [];
  #unansweredPings = 0;
  #lastError = "";
  /** Its `start` was sent. */
  hasBegun = false;
  isListening = false;
  hasListened = false;
  /** Its load and figures count no more. */
  hasEnded = false;
  metrics: MetricData = NO_METRICS;
  instances: readonly InstanceFigures[] = [];
  digestAt = performance.now();

  constructor(index: number, generation: number, events: ThreadEvents) {
    this.index = index;
    this.generation = generation;
    this.name = `worker-${index}.${generation}`;
    this.#worker = new Worker(threadUrl());
    this.#worker.addEventListener("message", (event: MessageEvent<FromWorker>) => {
      this.#unansweredPings = 0;
      if (!this.#keep(event.data)) events.message(event.data);
    });
    this.#worker.addEventListener("error", (event) => {
      this.#lastError = event.message;
    });
    this.#worker.addEventListener("close", () => {
      this.isListening = false;
      this.hasEnded = true;
      // A thread that is gone holds up nobody.
      this.#drained.resolve();
      for (const resolve of [...this.#collected.splice(0), ...this.#configured.splice(0)]) resolve();
      this.#listening.reject(
        new Error(`worker thread ended before it listened${this.#lastError && `: ${this.#lastError}`}`),
      );
      events.ended(this.#lastError || "closed");
    });
    // Looked at by those who start it; a later end of the thread is told by `ended`.
    this.#listening.promise.catch(() => undefined);
  }

  /** The port, once the thread listens. Rejects when it cannot. */
  get listening(): Promise<number> {
    return this.#listening.promise;
  }

  get drained(): Promise<void> {
    return this.#drained.promise;
  }

  /** Its own load on each instance. */
  get loads(): ReadonlyMap<InstanceId, InstanceLoad> {
    return this.#loads;
  }

  /**
   * Pings since it last said anything. Counted, not timed: when the whole process was stopped for a while, every thread has been silent
   * for long, and none of them hangs.
   */
  get unansweredPings(): number {
    return this.#unansweredPings;
  }

  ping(): void {
    this.#unansweredPings++;
    this.send({ kind: "ping" });
  }

  begin(settings: WorkerSettings, snapshot: FleetSnapshot): void {
    this.hasBegun = true;
    this.send({ kind: "start", settings, snapshot });
  }

  send(message: ToWorker): void {
    this.#worker.postMessage(message);
  }

  /** Resolves when the thread has sent its figures. */
  collect(): Promise<void> {
    this.send({ kind: "collect" });
    return new Promise((resolve) => this.#collected.push(resolve));
  }

  /** Its requests are gone, and its counts are the pool's now. */
  forget(): void {
    this.metrics = NO_METRICS;
    this.instances = [];
    this.#loads.clear();
  }

  /** Resolves when the thread has taken the options over, or has ended. */
  configure(options: LiveOptions): Promise<void> {
    this.send({ kind: "configure", options });
    return new Promise((resolve) => this.#configured.push(resolve));
  }

  terminate(): void {
    this.#worker.terminate();
  }

  /** True for what concerns this object only. */
  #keep(message: FromWorker): boolean {
    switch (message.kind) {
      case "listening":
        this.isListening = true;
        this.hasListened = true;
        this.#listening.resolve(message.port);
        return true;
      case "cannot-listen":
        this.#listening.reject(new Error(message.message));
        return true;
      case "metrics":
        this.metrics = message.data;
        this.instances = message.instances;
        for (const resolve of this.#collected.splice(0)) resolve();
        return true;
      case "digest":
        this.#noteDigest(message.digest);
        return false;
      case "drained":
        this.#drained.resolve();
        return true;
      case "configured":
        this.#configured.shift()?.();
        return true;
      case "pong":
        return true;
      case "control":
      case "lines":
      case "crashed":
      case "observed":
        return false;
    }
  }

  #noteDigest(digest: LoadDigest): void {
    this.digestAt = performance.now();
    if (digest.full) this.#loads.clear();
    for (const load of digest.loads) this.#loads.set(load.id, load);
  }
}

/** Beside this file from source; below the entry point in the compiled binary (scripts/build.ts). */
function threadUrl(): string {
  const compiled = import.meta.url.includes("/$bunfs/");
  return compiled ? "./worker/thread.ts" : new URL("./thread.ts", import.meta.url).href;
}
