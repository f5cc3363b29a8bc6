/**
 * Every metric, once: name, type, help, labels, buckets. `/metrics` and docs/metrics.md come from this table. Label values are from closed
 * sets, or addresses of registered instances; never what a client chose.
 */

export interface MetricDefinition {
  readonly name: string;
  readonly type: "counter" | "gauge" | "histogram" | "summary";
  readonly help: string;
  readonly labels: readonly LabelName[];
  /** Upper bounds in seconds, ascending, without +Inf. Histograms, and what the quantiles of a summary are read from. */
  readonly bounds: readonly number[];
}

/** For what takes as long as a generation. */
const REQUEST_SECONDS = [
  0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600,
] as const;
/** For the gap between two tokens. */
const TOKEN_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.2, 0.5, 1, 2.5, 10] as const;
/** For the router's own work. */
const OWN_SECONDS = [
  0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1,
] as const;

/** Fine enough for quantiles within 6 %: twenty buckets a decade, from 0.1 ms to 1000 s. */
const QUANTILE_SECONDS: readonly number[] = Array.from({ length: 141 }, (_, i) => 0.0001 * 10 ** (i / 20));

/** What a label says, and its values. */
export const LABELS = Object.freeze({
  endpoint: "Path of a route of the router; `other` for all other paths.",
  method: "`GET`, `POST`, `PUT`, `DELETE`, `PATCH`, `HEAD`, `OPTIONS`; `other` for the rest.",
  status_code: "Status that the client was sent; 499 when it left before.",
  mixed_worker: "Base URL of the mixed instance; empty in splitwise mode.",
  prefill_worker: "Base URL of the prefill instance; empty in mixed mode.",
  decode_worker: "Base URL of the decode instance; empty in mixed mode.",
  reason:
    "A code of the router's own [errors](errors.md); or `client_gone`: the client left during its answer; `upstream_cut`: the answer " +
    "broke off at the instance; `stream_error`, `stream_truncated`: a stream ended with an error event, or without its last event.",
  kind:
    "`connect`, `connect-timeout`: no connection; `closed-unanswered`: closed before the first byte; `first-byte-timeout`, " +
    "`idle-timeout`, `total-timeout`: a time limit ran out; `invalid`: no HTTP; `cut`: closed in the middle of the answer.",
  instance: "Base URL of an instance, as in `/registered`; the series of one that left are dropped after five minutes.",
  role: "`mixed`, `prefill`, `decode`.",
  state: "`ready`, `suspect` (missed a probe; used when nothing is ready), `draining` (gets nothing new).",
});
type LabelName = keyof typeof LABELS;

export const METRICS = Object.freeze({
  httpRequests: counter("http_requests_total", "Total number of HTTP requests", ["endpoint", "method", "status_code"]),
  httpDuration: summary("http_request_duration_seconds", "Summary of the response latency (seconds) of HTTP requests", [
    "endpoint",
    "method",
  ]),
  inferenceRequests: counter("inference_requests_total", "Total number of inference requests", [
    "decode_worker",
    "mixed_worker",
    "prefill_worker",
    "status_code",
  ]),
  cacheHits: counter(
    "router_cache_hit_total",
    "Cumulative number of cache hits (same session_id routed to same prefill worker)",
    [],
  ),
  cacheRequests: counter(
    "router_cache_request_total",
    "Cumulative number of cache-aware scheduling requests with session_id",
    [],
  ),
  requestErrors: counter(
    "fd_router_request_errors_total",
    "Requests that did not end as the client wanted, by reason",
    ["reason"],
  ),
  retries: counter("fd_router_retries_total", "Requests sent to a further instance after a failure", []),
  upstreamFailures: counter("fd_router_upstream_failures_total", "Failed exchanges with an instance, by kind", [
    "instance",
    "kind",
  ]),
  connectionsOpened: counter("fd_router_upstream_connections_total", "Connections opened to instances", []),
  requestBytes: counter("fd_router_request_bytes_total", "Bytes of request bodies forwarded", []),
  responseBytes: counter("fd_router_response_bytes_total", "Bytes of answers relayed", []),
  timeToFirstToken: histogram(
    "fd_router_time_to_first_token_seconds",
    "From the arrival of a streamed request to the first byte of its answer passed on",
    REQUEST_SECONDS,
  ),
  interToken: histogram("fd_router_inter_token_seconds", "Between two parts of a streamed answer", TOKEN_SECONDS),
  requestDuration: histogram(
    "fd_router_request_duration_seconds",
    "From the arrival of an inference request to the end of its answer",
    REQUEST_SECONDS,
  ),
  overhead: histogram(
    "fd_router_overhead_seconds",
    "The router's own time before an inference request goes to its instance: reading, choosing, retrying",
    OWN_SECONDS,
  ),
  inFlight: gauge("fd_router_in_flight_requests", "Requests on an instance now, over all worker threads", ["instance"]),
  load: gauge("fd_router_load", "Load of an instance as the scheduler sees it (mean of the worker threads)", [
    "instance",
  ]),
  instances: gauge("fd_router_instances", "Instances by role and state", ["role", "state"]),
  workers: gauge("fd_router_workers", "Worker threads that serve", []),
  workerRestarts: counter("fd_router_worker_restarts_total", "Worker threads started again after they ended", []),
  digestAge: gauge("fd_router_digest_age_seconds", "Age of the oldest load digest of a worker thread", []),
  logDropped: counter("fd_router_log_lines_dropped_total", "Log lines dropped because nobody took them in time", []),
  memory: gauge("process_resident_memory_bytes", "Resident memory size in bytes", []),
  cpu: counter("process_cpu_seconds_total", "Total user and system CPU time spent in seconds", []),
  startTime: gauge("process_start_time_seconds", "Start time of the process since unix epoch in seconds", []),
});

function counter(name: string, help: string, labels: readonly LabelName[]): MetricDefinition {
  return Object.freeze({ name, type: "counter", help, labels, bounds: [] });
}

function gauge(name: string, help: string, labels: readonly LabelName[]): MetricDefinition {
  return Object.freeze({ name, type: "gauge", help, labels, bounds: [] });
}

function histogram(name: string, help: string, bounds: readonly number[]): MetricDefinition {
  return Object.freeze({ name, type: "histogram", help, labels: [], bounds });
}

function summary(name: string, help: string, labels: readonly LabelName[]): MetricDefinition {
  return Object.freeze({ name, type: "summary", help, labels, bounds: QUANTILE_SECONDS });
}
