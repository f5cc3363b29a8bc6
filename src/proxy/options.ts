/** Options of passing a request on: section `server` of config.yaml, together with those of worker/. */
import { OptionSet, option, type ValuesOf } from "../lib/option-set.ts";
import { count, countOrZero, percent, seconds, secondsOrNone } from "../lib/option-types.ts";

export const proxyOptions = new OptionSet({
  "max-body-bytes": option(count(), 33_554_432, "Largest request body, in bytes; a larger one is answered 413.", {
    flag: "max-body-bytes",
  }),
  "connect-timeout-secs": option(seconds(), 2, "Time to open a connection to an instance, in seconds."),
  "first-byte-timeout-secs": option(
    secondsOrNone(),
    600,
    "Time from the sent request to the first byte of the answer, in seconds; queueing counts. 0: no limit.",
  ),
  "idle-timeout-secs": option(
    secondsOrNone(),
    120,
    "Longest silence between two pieces of an answer that has begun, in seconds. 0: no limit.",
  ),
  "request-timeout-secs": option(
    secondsOrNone(),
    0,
    "Time for one request as a whole, its stream included, in seconds. 0: no limit.",
    { flag: "request-timeout-secs" },
  ),
  retries: option(
    countOrZero(10),
    1,
    "How often a request that cannot have run yet is tried again on another instance.",
    { flag: "retries" },
  ),
  "retry-budget-percent": option(
    percent(),
    10,
    "Retries allowed in percent of the requests of the last seconds, on top of `retry-budget-per-sec`.",
  ),
  "retry-budget-per-sec": option(secondsOrNone(), 3, "Retries a second that are always allowed."),
  "upstream-keepalive-secs": option(
    secondsOrNone(),
    4,
    "How long an unused connection to an instance is kept, in seconds; below the 5 s after which uvicorn closes it. 0: not reused.",
  ),
  "upstream-idle-connections": option(
    countOrZero(),
    1024,
    "Unused connections kept for each instance, by each worker thread.",
  ),
});

export type ProxyOptions = ValuesOf<typeof proxyOptions>;
