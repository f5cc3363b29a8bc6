/** One run of the generator: opens connections, warms up, sends, measures. Used by load-program.ts. */
import { build, type Histogram } from "hdr-histogram-js";
import { createRandom } from "../../src/lib/random.ts";
import { BEHAVIOUR_HEADER, formatBehaviour } from "./behaviour.ts";
import { chatBody } from "./chat-body.ts";
import { clockNs } from "./clock.ts";
import { LoadConnection, type LoadObserver } from "./load-connection.ts";
import type { FromLoad, LoadResult, LoadSpec, Quantiles } from "./load-spec.ts";
import { Schedule } from "./schedule.ts";

/** Pause before a broken connection is opened again. */
const REOPEN_MS = 20;

export class LoadRun implements LoadObserver {
  readonly #spec: LoadSpec;
  readonly #requests: readonly Buffer[];
  readonly #connections = new Set<LoadConnection>();
  /** Connections without a request, where there is a schedule. Idle longest first: all take part, and none idles until it is closed. */
  readonly #free: LoadConnection[] = [];
  readonly #latency = histogram();
  readonly #firstByte = histogram();
  readonly #eventAge = histogram();
  readonly #lag = histogram();
  /** Intended starts that wait for a connection. */
  readonly #waiting: number[] = [];
  #next = 0;
  #measuring = false;
  #over = false;
  #answered = 0;
  #events = 0;
  readonly #failures = new Map<string, number>();

  constructor(spec: LoadSpec) {
    this.#spec = spec;
    this.#requests = prepareRequests(spec);
  }

  async run(tell: (message: FromLoad) => void): Promise<LoadResult> {
    const { connections, rampPerMs, requestsPerSecond, warmUpMs, durationMs, spins } = this.#spec;
    const step = Math.max(1, Math.round(rampPerMs * 2));
    for (let opened = 0; opened < connections; opened += step) {
      await Promise.all(Array.from({ length: Math.min(step, connections - opened) }, () => this.#open()));
      if (rampPerMs < connections) await Bun.sleep(step / rampPerMs);
    }
    const schedule =
      requestsPerSecond === "closed"
        ? null
        : new Schedule(
            { perSecond: requestsPerSecond, durationMs: warmUpMs + durationMs, spins },
            createRandom(1),
            (due) => this.#start(due),
          );
    if (spins && schedule === null) this.#spin();
    await Bun.sleep(warmUpMs);
    this.#measuring = true;
    tell({ kind: "measuring" });
    const from = clockNs();
    await Bun.sleep(durationMs);
    this.#measuring = false;
    const seconds = (clockNs() - from) / 1e9;
    tell({ kind: "measured" });
    this.#over = true;
    schedule?.stop();
    for (const connection of this.#connections) connection.close();
    return {
      seconds,
      requests: this.#answered,
      events: this.#events,
      failures: this.#failures.values().reduce((sum, count) => sum + count, 0),
      failureKinds: Object.fromEntries(this.#failures),
      latency: quantiles(this.#latency),
      firstByte: quantiles(this.#firstByte),
      eventAge: quantiles(this.#eventAge),
      lag: quantiles(this.#lag),
    };
  }

  firstByte(intendedAt: number, now: number): void {
    if (this.#measuring) record(this.#firstByte, now - intendedAt);
  }

  answered(connection: LoadConnection, intendedAt: number, now: number): void {
    if (this.#measuring) {
      this.#answered++;
      record(this.#latency, now - intendedAt);
    }
    this.#freed(connection, now);
  }

  event(ageNs: number): void {
    if (!this.#measuring) return;
    this.#events++;
    record(this.#eventAge, ageNs);
  }

  failed(connection: LoadConnection | null, what: string): void {
    if (this.#over) return;
    this.#failures.set(what, (this.#failures.get(what) ?? 0) + 1);
    if (connection === null) return;
    this.#connections.delete(connection);
    setTimeout(() => {
      if (!this.#over) void this.#open();
    }, REOPEN_MS);
  }

  readonly #spin = (): void => {
    if (!this.#over) setImmediate(this.#spin);
  };

  async #open(): Promise<void> {
    const connection = new LoadConnection(this);
    try {
      await connection.open(this.#spec.host, this.#spec.port);
    } catch {
      // Refused: counted, and tried again like one that broke.
      this.failed(connection, "connection refused");
      return;
    }
    this.#connections.add(connection);
    if (this.#over) connection.close();
    else this.#freed(connection, clockNs());
  }

  #freed(connection: LoadConnection, now: number): void {
    if (this.#over) return;
    if (this.#spec.requestsPerSecond === "closed") {
      connection.send(this.#request(), now);
      return;
    }
    const intendedAt = this.#waiting.shift();
    if (intendedAt === undefined) this.#free.push(connection);
    else connection.send(this.#request(), intendedAt);
  }

  #start(intendedAt: number): void {
    if (this.#measuring) record(this.#lag, clockNs() - intendedAt);
    const connection = this.#free.shift();
    if (connection === undefined) this.#waiting.push(intendedAt);
    else if (this.#connections.has(connection)) connection.send(this.#request(), intendedAt);
    else this.#start(intendedAt);
  }

  #request(): Buffer {
    const request = this.#requests[this.#next++ % this.#requests.length];
    if (request === undefined) throw new Error("no request is prepared, wanted at least one body");
    return request;
  }
}

function prepareRequests(spec: LoadSpec): readonly Buffer[] {
  const bodies = spec.bodies?.map((text) => Buffer.from(text)) ?? [
    chatBody(spec.bodyBytes, spec.behaviour.kind === "stream"),
  ];
  return bodies.map((body) => {
    const head = [
      `POST ${spec.path} HTTP/1.1`,
      `Host: ${spec.host}:${spec.port}`,
      "Content-Type: application/json",
      "Authorization: Bearer sk-0123456789abcdef0123456789",
      "User-Agent: bench/1",
      "Accept: */*",
      `${BEHAVIOUR_HEADER}: ${formatBehaviour(spec.behaviour)}`,
      `Content-Length: ${body.length}`,
    ].join("\r\n");
    return Buffer.concat([Buffer.from(`${head}\r\n\r\n`), body]);
  });
}

function histogram(): Histogram {
  return build({ lowestDiscernibleValue: 1, highestTrackableValue: 120e6, numberOfSignificantValueDigits: 3 });
}

function record(target: Histogram, ns: number): void {
  target.recordValue(Math.max(0, Math.round(ns / 1000)));
}

function quantiles(from: Histogram): Quantiles {
  const at = (percent: number): number => (from.totalCount === 0 ? Number.NaN : from.getValueAtPercentile(percent));
  return { count: from.totalCount, p50: at(50), p90: at(90), p99: at(99), p999: at(99.9), max: from.maxValue };
}
