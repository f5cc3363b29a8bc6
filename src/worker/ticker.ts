/** What a worker thread tells the main thread regularly: load digests, access lines, figures. */
import type { Scheduler } from "../scheduler/scheduler.ts";
import type { UpstreamClient } from "../upstream/client.ts";
import type { Departures } from "./departures.ts";
import type { MainLink } from "./main-link.ts";
import type { ThreadRecorder } from "./recorder.ts";

/** Digests every 50 ms, or 10 where few instances make each other's load matter more. */
const DIGEST_MS = 50;
const FAST_DIGEST_MS = 10;
const FULL_DIGEST_MS = 1000;
const LINES_MS = 100;
const METRICS_MS = 1000;

export interface TickerParts {
  readonly scheduler: Scheduler;
  readonly recorder: ThreadRecorder;
  readonly upstream: UpstreamClient;
  readonly link: MainLink;
  readonly departures: Departures;
  readonly now: () => number;
}

export class Ticker {
  readonly #parts: TickerParts;
  #timer: Timer | undefined;
  #digestAt = 0;
  #fullAt = 0;
  #linesAt = 0;
  #metricsAt = 0;
  /** How many threads share the fleet. */
  dispatchers = 1;
  instances = 0;

  constructor(parts: TickerParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#timer = setTimeout(() => {
      // First: an error in one round must not end them all.
      this.start();
      this.#tick(this.#parts.now());
    }, this.#digestPeriodMs);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  /** Sends all that waits. */
  flush(): void {
    this.#sendDigest(true);
    this.#parts.recorder.flushLines();
    this.sendMetrics();
  }

  sendMetrics(): void {
    const { recorder, scheduler, upstream, link, now } = this.#parts;
    link.send({
      kind: "metrics",
      data: recorder.metrics({ connectionsOpened: upstream.connectionsOpened, sessions: scheduler.sessionCounts }),
      instances: scheduler.inFlight(now()),
    });
  }

  get #digestPeriodMs(): number {
    const few = this.dispatchers > 1 && this.instances < 4 * this.dispatchers;
    return few ? FAST_DIGEST_MS : DIGEST_MS;
  }

  #tick(now: number): void {
    if (now >= this.#digestAt) {
      this.#digestAt = now + this.#digestPeriodMs - 1;
      const full = now >= this.#fullAt;
      if (full) this.#fullAt = now + FULL_DIGEST_MS;
      this.#sendDigest(full);
    }
    if (now >= this.#linesAt) {
      this.#linesAt = now + LINES_MS;
      this.#parts.recorder.flushLines();
    }
    if (now >= this.#metricsAt) {
      this.#metricsAt = now + METRICS_MS;
      this.#parts.recorder.forget(this.#parts.departures.takeForgotten(now));
      this.sendMetrics();
    }
  }

  #sendDigest(full: boolean): void {
    const digest = this.#parts.scheduler.takeDigest(this.#parts.now(), full);
    if (digest !== null) this.#parts.link.send({ kind: "digest", digest });
  }
}
