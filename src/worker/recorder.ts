/** Counts what the requests of a thread leave behind and writes their access lines. The thread's timers pass both on to the main thread. */
import { writeAccessLine } from "../log/access-line.ts";
import { LineBuffer, type Lines } from "../log/line-buffer.ts";
import { logLine } from "../log/line.ts";
import { RequestLines, tagText, type RequestLinesOptions } from "../log/request-lines.ts";
import type { LogOptions } from "../log/options.ts";
import { METRICS } from "../metrics/catalog.ts";
import { Histogram, type HistogramData } from "../metrics/histogram.ts";
import { LabelledCounter } from "../metrics/labelled-counter.ts";
import { seriesOf, type MetricData } from "../metrics/metric-set.ts";
import type { InstanceId } from "../fleet/instance.ts";
import type { Recorder, RequestRecord } from "../proxy/record.ts";
import { endpointLabel } from "../proxy/routes.ts";

const INFERENCE = new Set(["/v1/chat/completions", "/v1/completions"]);

export interface RecorderOptions {
  readonly log: LogOptions;
  readonly onLines: (lines: Lines) => void;
  /** Where a programming error goes, with its stack. */
  readonly onCrash: (message: string) => void;
  /** A request failed on the instance. */
  readonly onFailure: (instance: InstanceId) => void;
}

/** Figures that the HTTP client and the scheduler keep. */
export interface CountedElsewhere {
  readonly connectionsOpened: number;
  readonly sessions: { readonly hits: number; readonly requests: number };
}

export class ThreadRecorder implements Recorder {
  readonly #options: RecorderOptions;
  readonly #lines: LineBuffer;
  #log: LogOptions;
  #lineOptions: RequestLinesOptions | null;
  readonly #httpRequests = new LabelledCounter(METRICS.httpRequests);
  readonly #inferenceRequests = new LabelledCounter(METRICS.inferenceRequests);
  readonly #requestErrors = new LabelledCounter(METRICS.requestErrors);
  readonly #upstreamFailures = new LabelledCounter(METRICS.upstreamFailures);
  /** By endpoint, then by method. */
  readonly #httpDurations = new Map<string, Map<string, Histogram>>();
  readonly #timeToFirstToken = new Histogram(METRICS.timeToFirstToken.bounds);
  readonly #interToken = new Histogram(METRICS.interToken.bounds);
  readonly #duration = new Histogram(METRICS.requestDuration.bounds);
  readonly #overhead = new Histogram(METRICS.overhead.bounds);
  #requestBytes = 0;
  #responseBytes = 0;
  #retries = 0;

  constructor(options: RecorderOptions) {
    this.#options = options;
    this.#lines = new LineBuffer(options.onLines);
    this.#log = options.log;
    this.#lineOptions = this.#lineOptionsOf(options.log);
  }

  configure(log: LogOptions): void {
    this.#log = log;
    this.#lineOptions = this.#lineOptionsOf(log);
  }

  interToken(ms: number): void {
    this.#interToken.record(ms / 1000);
  }

  retried(): void {
    this.#retries++;
  }

  upstreamFailed(instance: InstanceId, kind: string): void {
    this.#upstreamFailures.count(instance, kind);
    this.#options.onFailure(instance);
  }

  crashed(error: unknown): void {
    this.#options.onCrash(error instanceof Error ? (error.stack ?? error.message) : String(error));
  }

  finish(record: RequestRecord, now: number): void {
    const endpoint = endpointLabel(record.endpoint);
    const status = String(record.status);
    const method = methodLabel(record.method);
    this.#httpRequests.count(endpoint, method, status);
    this.#httpDuration(endpoint, method).record((now - record.startedAt) / 1000);
    if (record.error !== null) this.#requestErrors.count(record.error);
    if (INFERENCE.has(record.endpoint)) this.#finishInference(record, status, now);
    const { access, level } = this.#log;
    if (access && (level === "debug" || level === "info")) this.#writeLine(record, now);
  }

  /** What is to be said of no request, or of one without lines of its own. */
  warn(message: string): void {
    if (this.#log.level !== "error") this.#lines.add(logLine(this.#log.format, "warn", message));
  }

  /** The figures since the start of the thread. */
  metrics({ connectionsOpened, sessions }: CountedElsewhere): MetricData {
    const counters = new Map([
      [METRICS.connectionsOpened.name, connectionsOpened],
      [METRICS.cacheHits.name, sessions.hits],
      [METRICS.cacheRequests.name, sessions.requests],
      [METRICS.requestBytes.name, this.#requestBytes],
      [METRICS.responseBytes.name, this.#responseBytes],
      [METRICS.retries.name, this.#retries],
      [METRICS.logDropped.name, this.#lines.dropped],
    ]);
    for (const labelled of this.#labelled()) labelled.addTo(counters);
    return {
      counters,
      histograms: new Map([
        [METRICS.timeToFirstToken.name, this.#timeToFirstToken.data()],
        [METRICS.interToken.name, this.#interToken.data()],
        [METRICS.requestDuration.name, this.#duration.data()],
        [METRICS.overhead.name, this.#overhead.data()],
        ...this.#httpDurationData(),
      ]),
    };
  }

  /** Takes the lines of one request. Null: the options of the log want none. */
  requestLines(): RequestLines | null {
    return this.#lineOptions === null ? null : new RequestLines(this.#lineOptions);
  }

  /** The same for all requests, until the next `configure`. */
  #lineOptionsOf(log: LogOptions): RequestLinesOptions | null {
    if (log.format !== "go" || !log["request-lines"]) return null;
    const info = log.level === "debug" || log.level === "info";
    return { pen: this.#lines, info, warn: log.level !== "error", nowMs: Date.now };
  }

  /** Hands on the lines that wait. */
  flushLines(): void {
    this.#lines.flush();
  }

  /** Drops the series of instances that left for good (fault O04). */
  forget(instances: ReadonlySet<InstanceId>): void {
    if (instances.size === 0) return;
    for (const labelled of this.#labelled()) labelled.forget(instances);
  }

  #httpDuration(endpoint: string, method: string): Histogram {
    let byMethod = this.#httpDurations.get(endpoint);
    if (byMethod === undefined) this.#httpDurations.set(endpoint, (byMethod = new Map()));
    let histogram = byMethod.get(method);
    if (histogram === undefined) byMethod.set(method, (histogram = new Histogram(METRICS.httpDuration.bounds)));
    return histogram;
  }

  *#httpDurationData(): Iterable<[series: string, data: HistogramData]> {
    for (const [endpoint, byMethod] of this.#httpDurations) {
      for (const [method, histogram] of byMethod) {
        yield [seriesOf(METRICS.httpDuration, [endpoint, method]), histogram.data()];
      }
    }
  }

  #finishInference(record: RequestRecord, status: string, now: number): void {
    this.#duration.record((now - record.startedAt) / 1000);
    if (record.forwardedAt > 0) this.#overhead.record((record.forwardedAt - record.bodyAt) / 1000);
    if (record.stream && record.firstByteAt > 0) {
      this.#timeToFirstToken.record((record.firstByteAt - record.startedAt) / 1000);
    }
    this.#requestBytes += record.requestBytes;
    this.#responseBytes += record.responseBytes;
    // The Go router counts requests that an instance answered.
    const answered = record.instance !== null && (record.error === null || record.firstByteAt > 0);
    const { instance, prefill } = record;
    const [decodeId, mixedId] = prefill === null ? ["", instance?.id ?? ""] : [instance?.id ?? "", ""];
    if (answered) this.#inferenceRequests.count(decodeId, mixedId, prefill?.id ?? "", status);
  }

  #writeLine(record: RequestRecord, now: number): void {
    const { format } = this.#log;
    writeAccessLine(this.#lines, format, {
      method: record.method,
      target: record.query === "" ? record.path : `${record.path}?${record.query}`,
      status: record.status,
      durationMs: now - record.startedAt,
      clientIp: record.clientIp,
      tags: record.tags === null ? "" : tagText(record.tags),
      fields: format === "json" ? accessFields(record) : null,
    });
  }

  #labelled(): readonly LabelledCounter[] {
    return [this.#httpRequests, this.#inferenceRequests, this.#requestErrors, this.#upstreamFailures];
  }
}

function accessFields(record: RequestRecord): Readonly<Record<string, unknown>> {
  const { firstByteAt, startedAt } = record;
  return {
    instance: record.instance?.id,
    attempts: record.attempts,
    stream: record.stream,
    ttftMs: firstByteAt > 0 ? firstByteAt - startedAt : undefined,
    requestBytes: record.requestBytes,
    responseBytes: record.responseBytes,
    error: record.error ?? undefined,
    ...record.tags,
  };
}

const METHODS = new Set(["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"]);

function methodLabel(method: string): string {
  return METHODS.has(method) ? method : "other";
}
