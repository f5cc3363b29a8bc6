/** Keys and flags of other routers that a file or a command line may carry over to this one. */

interface ForeignKey {
  /** Option that it sets; absent when it sets none. */
  readonly path?: string;
  /** Why it sets none, as the end of a sentence that begins with its name. */
  readonly note?: string;
}

const NO_PREEMPTION = "belongs to the Python router's retries after pre-emption, which this router does not make";

/** Names in the Python router's `--config` file. */
export const PYTHON_KEYS: Readonly<Record<string, ForeignKey>> = Object.freeze({
  host: { path: "server.host" },
  port: { path: "server.port" },
  splitwise: { path: "server.splitwise" },
  request_timeout_secs: { path: "server.request-timeout-secs" },
  preempt_retry_count: { note: NO_PREEMPTION },
  preempt_retry_exclude_decode: { note: NO_PREEMPTION },
});

/** Flags of the Python router that are accepted and change nothing. */
export const IGNORED_FLAGS = Object.freeze([
  { name: "preempt-retry-count", kind: "int", note: NO_PREEMPTION },
  { name: "preempt-retry-exclude-decode", kind: "bool", note: NO_PREEMPTION },
] as const);

/** Keys of builds of the Go program that never came into its main line. */
export const BRANCH_KEYS: ReadonlySet<string> = new Set([
  "manager.metrics-update-interval-secs",
  "manager.queue-check-interval-secs",
  "manager.queue-threshold",
  "manager.enable-infer-ready-check",
  "manager.infer-ready-check-interval-secs",
  "server.afd",
  "topology",
]);
