/** Options of registration and health: section `manager` of config.yaml. */
import { z } from "zod";
import { count, durationOrNever, goKey, limitOrNone, seconds, text } from "../lib/option-types.ts";

export const registryOptions = z.object({
  "register-path": text()
    .default("")
    .describe("File of instances to register at start, relative to the working directory. Empty: none.")
    .meta(goKey),
  "health-failure-threshold": count()
    .default(1)
    .describe("Failed probes in a row that take an instance out.")
    .meta(goKey),
  "health-success-threshold": limitOrNone()
    .default(1)
    .describe("Good probes in a row that an instance needs to register. Negative: registered unprobed.")
    .meta(goKey),
  "health-check-timeout-secs": durationOrNever()
    .default(5)
    .describe("Time for one probe, in seconds. Negative: no limit.")
    .meta(goKey),
  "health-check-interval-secs": seconds().default(5).describe("Period of the probes, in seconds.").meta(goKey),
  "health-check-endpoint": text().default("/health").describe("Path that is probed.").meta(goKey),
});

export type RegistryOptions = z.infer<typeof registryOptions>;
