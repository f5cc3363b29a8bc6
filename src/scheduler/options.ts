/** Options of choosing an instance: section `scheduler` of config.yaml. */
import { z } from "zod";
import { choice, durationOrNever, factor, goKey, count, seconds, text } from "../lib/option-types.ts";

const POLICY_NAMES = [
  "p2c",
  "random",
  "round_robin",
  "power_of_two",
  "process_tokens",
  "request_num",
  "fd_metrics_score",
  "fd_remote_metrics_score",
  "cache_aware",
  "remote_cache_aware",
] as const;

export const schedulerOptions = z.object({
  policy: choice(POLICY_NAMES)
    .default("request_num")
    .describe("Policy for mixed instances.")
    .meta({ ...goKey, flag: "policy" }),
  "prefill-policy": choice(POLICY_NAMES)
    .default("process_tokens")
    .describe("Policy for prefill instances.")
    .meta({ ...goKey, flag: "prefill-policy" }),
  "decode-policy": choice(POLICY_NAMES)
    .default("request_num")
    .describe("Policy for decode instances.")
    .meta({ ...goKey, flag: "decode-policy" }),
  "eviction-interval-secs": seconds()
    .default(60)
    .describe("Period of the clean-up of counters, in seconds.")
    .meta({ ...goKey, formerKeys: ["interval-cleanup-secs"] }),
  "eviction-duration-mins": durationOrNever()
    .default(30)
    .describe("Lifetime of a cached prefix since it was last seen, in minutes. Negative: no eviction.")
    .meta(goKey),
  "cache-block-size": count().default(64).describe("Tokens in one block of the prefix cache.").meta(goKey),
  "tokenizer-url": text().default("").describe("Tokenizer service. Empty: tokens are estimated.").meta(goKey),
  "tokenizer-timeout-secs": seconds().default(2).describe("Time for one tokenizer call, in seconds.").meta(goKey),
  "balance-abs-threshold": factor().default(1).describe("Imbalance test, absolute part.").meta(goKey),
  "balance-rel-threshold": factor().default(0.2).describe("Imbalance test, relative part.").meta(goKey),
  "hit-ratio-weight": factor().default(1).describe("Weight of the cache miss ratio.").meta(goKey),
  "load-balance-weight": factor().default(1).describe("Weight of the load ratio.").meta(goKey),
  "waiting-weight": factor().default(1).describe("Weight of waiting requests in metrics scores.").meta(goKey),
  "stats-interval-secs": seconds().default(5).describe("Period of the `[stats]` log line, in seconds.").meta(goKey),
});

export type SchedulerOptions = z.infer<typeof schedulerOptions>;
