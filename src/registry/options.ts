/** Options of registration and health: section `manager` of config.yaml. */
import { z } from "zod";
import { count, durationOrNever, limitOrNone, seconds, text } from "../lib/option-types.ts";

export const registryOptions = z.object({
  "register-path": text()
    .default("")
    .describe("File of instances to register at start, relative to the working directory. Empty: none."),
  "health-failure-threshold": count().default(1).describe("Failed probes in a row that take an instance out."),
  "health-success-threshold": limitOrNone()
    .default(1)
    .describe("Good probes in a row that an instance needs to register. Negative: registered unprobed."),
  "health-check-timeout-secs": durationOrNever()
    .default(5)
    .describe("Time for one probe, in seconds. Negative: no limit."),
  "health-check-interval-secs": seconds().default(5).describe("Period of the probes, in seconds."),
  "health-check-endpoint": text().default("/health").describe("Path that is probed."),
});

export type RegistryOptions = z.infer<typeof registryOptions>;
