/** Options of the section `manager` of config.yaml: the Go router's first, then ours. Durations in seconds, fractions allowed. */
import { z } from "zod";
import { blockList } from "./addresses.ts";

/** As in the Go router, 0 means the default; a negative count or time would mean nothing useful and is raised to the least. */
const seconds = (fallback: number, describe: string) =>
  z
    .number()
    .finite()
    .default(fallback)
    .transform((value) => (value > 0 ? value : fallback))
    .describe(describe);
const count = (fallback: number, describe: string) =>
  z
    .number()
    .finite()
    .default(fallback)
    .transform((value) => (value === 0 ? fallback : Math.max(1, Math.trunc(value))))
    .describe(describe);

export const registryOptions = z.object({
  "register-path": z
    .string()
    .default("")
    .describe(
      "File of instances that are always part of the fleet (register.yaml), relative to the working directory; empty for none",
    ),
  "health-failure-threshold": count(1, "Consecutive failed probes after which an instance is removed"),
  "health-success-threshold": count(1, "Consecutive good probes that an instance needs to join"),
  "health-check-timeout-secs": seconds(5, "Time limit of one probe, in seconds"),
  "health-check-interval-secs": seconds(5, "Pause between two probes of an instance, in seconds"),
  "health-check-endpoint": z
    .string()
    .default("/health")
    .transform((path) => (path === "" ? "/health" : path.startsWith("/") ? path : `/${path}`))
    .describe("Path that is asked for a probe; healthy is status 200 and nothing else"),
  "registration-host": z
    .string()
    .default("127.0.0.1")
    .describe(
      "Address on which the registration port (msgpack over TCP) listens; open it to other hosts together with a token",
    ),
  "registration-port": z
    .int()
    .min(-1)
    .max(65535)
    .default(-1)
    .describe(
      "Registration port; 0 switches it off; -1 takes the router's port plus one, or does without when that one is busy",
    ),
  "registration-token": z
    .string()
    .max(256)
    .default("")
    .describe("Secret that clients of the registration port must name; empty asks for none"),
  "registration-max-connections-per-address": count(
    128,
    "Connections to the registration port that one address may hold",
  ),
  "lease-secs": seconds(
    15,
    "Time after which an instance registered over TCP is dropped when nothing is heard of it, in seconds",
  ),
  "heartbeat-secs": seconds(
    3,
    "Pause between two heartbeats that clients of the registration port are asked for, in seconds",
  ),
  "max-instances": count(4096, "Instances that the router knows at most; further ones are refused"),
  "saved-table-path": z
    .string()
    .default("")
    .describe("File in which the fleet is kept, so that a restarted router serves at once; empty for none"),
  "deny-link-local": z.boolean().default(true).describe("Refuse instances at link-local and cloud metadata addresses"),
  "allow-loopback": z.boolean().default(true).describe("Accept instances at loopback addresses"),
  "allow-cidrs": z
    .array(z.string().refine(isRange, "wants an address range like 10.0.0.0/8"))
    .default([])
    .describe("Address ranges that instances must be in; empty for any"),
});

export type RegistryOptions = z.infer<typeof registryOptions>;

function isRange(text: string): boolean {
  try {
    blockList([text]);
    return true;
  } catch {
    return false; // the refinement reports it with its position
  }
}
