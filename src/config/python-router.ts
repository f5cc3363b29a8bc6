/** Names that a file or a command line of the Python router may carry over to this one (its flags are those of our options). */

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
