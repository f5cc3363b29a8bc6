/** Options of registration and health: section `manager` of config.yaml, the Go router's first, then ours. */
import { z } from "zod";
import { parseIpRange } from "../lib/ip-address.ts";
import { count, seconds, text, toggle } from "../lib/option-types.ts";

export const registryOptions = z.object({
  "register-path": text()
    .default("")
    .describe(
      "File of instances that are always part of the fleet (register.yaml), relative to the working directory. Empty: none.",
    ),
  "health-failure-threshold": count().default(1).describe("Failed probes in a row that take an instance out."),
  "health-success-threshold": count().default(1).describe("Good probes in a row that an instance needs to join."),
  "health-check-timeout-secs": seconds().default(5).describe("Time for one probe, in seconds."),
  "health-check-interval-secs": seconds().default(5).describe("Period of the probes, in seconds."),
  "health-check-endpoint": text()
    .default("/health")
    .describe("Path that is asked for a probe; healthy is status 200 and nothing else."),
  "metrics-update-interval-secs": z
    .number()
    .min(-1)
    .max(86_400)
    .default(-1)
    .describe(
      "Period in seconds of asking every instance for its `/metrics`, for policies that go by engines' reports. -1: 1 second when such a policy is chosen, else never. 0: never.",
    ),
  "registration-host": text()
    .default("127.0.0.1")
    .describe("Address of the registration port (msgpack over TCP). Open it to other hosts together with a token.")
    .meta({ flag: "registration-host" }),
  "registration-port": z
    .int()
    .min(-1)
    .max(65535)
    .default(-1)
    .describe("Registration port. 0: none. -1: the router's port plus one, or none when that one is busy.")
    .meta({ flag: "registration-port" }),
  "registration-token": text()
    .max(256)
    .default("")
    .describe("Secret that clients of the registration port must name. Empty: none is asked for.")
    .meta({ secret: true }),
  "registration-max-connections-per-address": count()
    .default(128)
    .describe("Connections to the registration port that one address may hold."),
  "lease-secs": seconds()
    .default(15)
    .describe("Time after which an instance registered over TCP is dropped when nothing is heard of it, in seconds."),
  "heartbeat-secs": seconds()
    .default(3)
    .describe("Pause between two heartbeats that clients of the registration port are asked for, in seconds."),
  "max-instances": count().default(4096).describe("Instances that the router knows at most; further ones are refused."),
  "saved-table-path": text()
    .default("")
    .describe("File in which the fleet is kept, so that a restarted router serves at once. Empty: none."),
  "deny-link-local": toggle().default(true).describe("Refuse instances at link-local and cloud metadata addresses."),
  "allow-loopback": toggle().default(true).describe("Accept instances at loopback addresses."),
  "allow-host-names": toggle()
    .default(false)
    .describe("Accept host names over HTTP and in register.yaml; they are looked up once and kept as addresses."),
  "allow-cidrs": z
    .array(z.string().refine(isRange, "an address range like 10.0.0.0/8"))
    .default([])
    .describe("Address ranges that instances must be in. Empty: any."),
});

export type RegistryOptions = z.infer<typeof registryOptions>;

function isRange(range: string): boolean {
  return parseIpRange(range) !== null;
}
