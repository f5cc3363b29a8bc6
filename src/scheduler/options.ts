/** Options of the section `scheduler` of the config. */
import { POLICY_NAMES } from "./policies/index.ts";
import { OptionSet, option, type ValuesOf } from "../lib/option-set.ts";
import { choice, count, number, text } from "../lib/option-types.ts";

const policy = choice(POLICY_NAMES);

export const schedulerOptions = new OptionSet({
  policy: option(policy, "p2c", "How an instance is chosen for a request.", { flag: "policy" }),
  "prefill-policy": option(policy, "p2c", "How a prefill instance is chosen, in splitwise mode.", {
    flag: "prefill-policy",
  }),
  "decode-policy": option(policy, "p2c", "How a decode instance is chosen, in splitwise mode.", {
    flag: "decode-policy",
  }),
  "spill-margin": option(
    number({ min: 0 }),
    4,
    "p2c, prefix_affinity: a thread leaves its own share of the instances for one whose load is lower by more than this, in requests; twice as much when the threads know little of each other.",
  ),
  "failure-penalty": option(
    number({ min: 0 }),
    32,
    "p2c: load that a failure adds to its instance, in requests; it fades within 60 seconds.",
  ),
  "warm-up-secs": option(
    number({ min: 0 }),
    20,
    "p2c: time in seconds over which a new instance is brought up to its share; it counts as loaded as the others at first.",
  ),
  "waiting-weight": option(
    number(),
    1,
    "fd_remote_metrics_score: what a waiting request counts, where a running one counts 1.",
  ),
  "eviction-interval-secs": option(
    number({ min: 0 }),
    60,
    "Accepted for compatibility, in seconds; counters of removed instances need no clean-up.",
  ),
  "eviction-duration-mins": option(
    number(),
    30,
    "cache_aware, prefix_affinity: time in minutes after which a prompt prefix that did not come again is forgotten; never when negative.",
  ),
  "cache-block-size": option(count(), 64, "cache_aware, prefix_affinity: tokens per block of a prompt prefix."),
  "tokenizer-url": option(
    text(),
    "",
    "cache_aware, prefix_affinity: tokenizer service; without one every character is taken for a token.",
  ),
  "tokenizer-timeout-secs": option(number({ above: 0 }), 2, "Time limit of a tokenizer call, in seconds."),
  "balance-abs-threshold": option(
    number(),
    1,
    "cache_aware: prefixes are ignored when the highest and lowest request counts differ by more than this and by more than `balance-rel-threshold`.",
  ),
  "balance-rel-threshold": option(
    number(),
    0.2,
    "cache_aware: the same as a share of the highest count; both must be exceeded.",
  ),
  "hit-ratio-weight": option(number(), 1, "cache_aware: weight of the share of a prompt that is not cached."),
  "load-balance-weight": option(number(), 1, "cache_aware: weight of the share of the highest request count."),
  "stats-interval-secs": option(number({ above: 0 }), 5, "Period of the [stats] log line, in seconds."),
});

export type SchedulerOptions = ValuesOf<typeof schedulerOptions>;
