/**
 * Keys of the Go program's config.yaml. A value of theirs that did not stop that program does not stop this one: what
 * the option's schema refuses becomes the default, silently for 0 and "", which are documented to mean that, else with a warning.
 * For keys of our own a value out of range is an error.
 */
export const GO_KEYS: ReadonlySet<string> = new Set([
  "server.name",
  "server.port",
  "server.host",
  "server.mode",
  "server.splitwise",
  "scheduler.policy",
  "scheduler.prefill-policy",
  "scheduler.decode-policy",
  "scheduler.eviction-interval-secs",
  "scheduler.eviction-duration-mins",
  "scheduler.cache-block-size",
  "scheduler.tokenizer-url",
  "scheduler.tokenizer-timeout-secs",
  "scheduler.balance-abs-threshold",
  "scheduler.balance-rel-threshold",
  "scheduler.hit-ratio-weight",
  "scheduler.load-balance-weight",
  "scheduler.waiting-weight",
  "scheduler.stats-interval-secs",
  "manager.register-path",
  "manager.health-failure-threshold",
  "manager.health-success-threshold",
  "manager.health-check-timeout-secs",
  "manager.health-check-interval-secs",
  "manager.health-check-endpoint",
  "log.level",
  "log.output",
  "log.max-age-days",
  "log.max-total-size-mb",
  "log.cleanup-interval-secs",
]);

/** Names that keys had in early versions. */
export const FORMER_KEYS: Readonly<Record<string, string>> = Object.freeze({
  "scheduler.interval-cleanup-secs": "scheduler.eviction-interval-secs",
});

/** Keys of builds that never came into the main line. */
export const BRANCH_KEYS: ReadonlySet<string> = new Set([
  "manager.queue-check-interval-secs",
  "manager.queue-threshold",
  "manager.enable-infer-ready-check",
  "manager.infer-ready-check-interval-secs",
  "server.afd",
  "topology",
]);
