/** Options of the section `scheduler` of the config. */
import { z } from "zod";
import { POLICY_NAMES } from "./policies/index.ts";

const policy = z.enum(POLICY_NAMES).default("p2c");

export const schedulerOptions = z.object({
  policy: policy.describe("How an instance is chosen for a request.").meta({ flag: "policy" }),
  "prefill-policy": policy
    .describe("How a prefill instance is chosen, in splitwise mode.")
    .meta({ flag: "prefill-policy" }),
  "decode-policy": policy
    .describe("How a decode instance is chosen, in splitwise mode.")
    .meta({ flag: "decode-policy" }),
  "spill-margin": z
    .number()
    .nonnegative()
    .default(4)
    .describe(
      "p2c, prefix_affinity: a thread leaves its own share of the instances for one whose load is lower by more than this, in requests; twice as much when the threads know little of each other.",
    ),
  "failure-penalty": z
    .number()
    .nonnegative()
    .default(32)
    .describe("p2c: load that a failure adds to its instance, in requests; it fades within 60 seconds."),
  "warm-up-secs": z
    .number()
    .nonnegative()
    .default(20)
    .describe(
      "p2c: time in seconds over which a new instance is brought up to its share; it counts as loaded as the others at first.",
    ),
  "waiting-weight": z
    .number()
    .default(1)
    .describe("fd_remote_metrics_score: what a waiting request counts, where a running one counts 1."),
  "eviction-interval-secs": z
    .number()
    .nonnegative()
    .default(60)
    .describe("Accepted for compatibility, in seconds; counters of removed instances need no clean-up."),
  "eviction-duration-mins": z
    .number()
    .default(30)
    .describe(
      "cache_aware, prefix_affinity: time in minutes after which a prompt prefix that did not come again is forgotten; never when negative.",
    ),
  "cache-block-size": z
    .int()
    .positive()
    .default(64)
    .describe("cache_aware, prefix_affinity: tokens per block of a prompt prefix."),
  "tokenizer-url": z
    .string()
    .default("")
    .describe("cache_aware, prefix_affinity: tokenizer service; without one every character is taken for a token."),
  "tokenizer-timeout-secs": z.number().positive().default(2).describe("Time limit of a tokenizer call, in seconds."),
  "balance-abs-threshold": z
    .number()
    .default(1)
    .describe(
      "cache_aware: prefixes are ignored when the highest and lowest request counts differ by more than this and by more than `balance-rel-threshold`.",
    ),
  "balance-rel-threshold": z
    .number()
    .default(0.2)
    .describe("cache_aware: the same as a share of the highest count; both must be exceeded."),
  "hit-ratio-weight": z
    .number()
    .default(1)
    .describe("cache_aware: weight of the share of a prompt that is not cached."),
  "load-balance-weight": z
    .number()
    .default(1)
    .describe("cache_aware: weight of the share of the highest request count."),
  "stats-interval-secs": z.number().positive().default(5).describe("Period of the [stats] log line, in seconds."),
});

export type SchedulerOptions = z.infer<typeof schedulerOptions>;
