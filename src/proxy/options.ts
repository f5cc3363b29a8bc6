/** Options of passing a request on: section `server` of config.yaml, together with those of worker/. */
import { z } from "zod";
import { count, countOrZero, percent, seconds, secondsOrNone } from "../lib/option-types.ts";

export const proxyOptions = z.object({
  "max-body-bytes": count()
    .default(33_554_432)
    .describe("Largest request body, in bytes; a larger one is answered 413.")
    .meta({ flag: "max-body-bytes" }),
  "connect-timeout-secs": seconds().default(2).describe("Time to open a connection to an instance, in seconds."),
  "first-byte-timeout-secs": secondsOrNone()
    .default(600)
    .describe("Time from the sent request to the first byte of the answer, in seconds; queueing counts. 0: no limit."),
  "idle-timeout-secs": secondsOrNone()
    .default(120)
    .describe("Longest silence between two pieces of an answer that has begun, in seconds. 0: no limit."),
  "request-timeout-secs": secondsOrNone()
    .default(0)
    .describe("Time for one request as a whole, its stream included, in seconds. 0: no limit.")
    .meta({ flag: "request-timeout-secs" }),
  retries: countOrZero()
    .max(10)
    .default(1)
    .describe("How often a request that cannot have run yet is tried again on another instance.")
    .meta({ flag: "retries" }),
  "retry-budget-percent": percent()
    .default(10)
    .describe("Retries allowed in percent of the requests of the last seconds, on top of `retry-budget-per-sec`."),
  "retry-budget-per-sec": secondsOrNone().default(3).describe("Retries a second that are always allowed."),
  "upstream-keepalive-secs": secondsOrNone()
    .default(4)
    .describe(
      "How long an unused connection to an instance is kept, in seconds; below the 5 s after which uvicorn closes it. 0: not reused.",
    ),
  "upstream-idle-connections": countOrZero()
    .default(1024)
    .describe("Unused connections kept for each instance, by each worker thread."),
});

export type ProxyOptions = z.infer<typeof proxyOptions>;
