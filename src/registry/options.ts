/** Options of registration and health: section `manager` of config.yaml, the Go router's first, then ours. */
import { parseIpRange } from "../lib/ip-address.ts";
import { OptionSet, option, type ValuesOf } from "../lib/option-set.ts";
import { count, listOf, number, seconds, text, toggle, wholeNumber } from "../lib/option-types.ts";

export const registryOptions = new OptionSet({
  "register-path": option(
    text(),
    "",
    "File of instances that are always part of the fleet (register.yaml), relative to the working directory. Empty: none.",
  ),
  "health-failure-threshold": option(count(), 1, "Failed probes in a row that take an instance out."),
  "health-success-threshold": option(count(), 1, "Good probes in a row that an instance needs to join."),
  "health-check-timeout-secs": option(seconds(), 5, "Time for one probe, in seconds."),
  "health-check-interval-secs": option(seconds(), 5, "Period of the probes, in seconds."),
  "health-check-endpoint": option(
    text(),
    "/health",
    "Path that is asked for a probe; healthy is status 200 and nothing else.",
  ),
  "metrics-update-interval-secs": option(
    number({ min: -1, max: 86_400 }),
    -1,
    "Period in seconds of asking every instance for its `/metrics`, for policies that go by engines' reports. -1: 1 second when such a policy is chosen, else never. 0: never.",
  ),
  "registration-host": option(
    text(),
    "127.0.0.1",
    "Address of the registration port (msgpack over TCP). Open it to other hosts together with a token.",
    { flag: "registration-host" },
  ),
  "registration-port": option(
    wholeNumber({ min: -1, max: 65_535 }),
    -1,
    "Registration port. 0: none. -1: the router's port plus one, or none when that one is busy.",
    { flag: "registration-port" },
  ),
  "registration-token": option(
    text(256),
    "",
    "Secret that clients of the registration port must name. Empty: none is asked for.",
    { secret: true },
  ),
  "registration-max-connections-per-address": option(
    count(),
    128,
    "Connections to the registration port that one address may hold.",
  ),
  "lease-secs": option(
    seconds(),
    15,
    "Time after which an instance registered over TCP is dropped when nothing is heard of it, in seconds.",
  ),
  "heartbeat-secs": option(
    seconds(),
    3,
    "Pause between two heartbeats that clients of the registration port are asked for, in seconds.",
  ),
  "max-instances": option(count(), 4096, "Instances that the router knows at most; further ones are refused."),
  "saved-table-path": option(
    text(),
    "",
    "File in which the fleet is kept, so that a restarted router serves at once. Empty: none.",
  ),
  "deny-link-local": option(toggle(), true, "Refuse instances at link-local and cloud metadata addresses."),
  "allow-loopback": option(toggle(), true, "Accept instances at loopback addresses."),
  "allow-host-names": option(
    toggle(),
    false,
    "Accept host names over HTTP and in register.yaml; they are looked up once and kept as addresses.",
  ),
  "allow-cidrs": option(
    listOf(isRange, "an address range like 10.0.0.0/8"),
    [],
    "Address ranges that instances must be in. Empty: any.",
  ),
});

export type RegistryOptions = ValuesOf<typeof registryOptions>;

function isRange(range: string): boolean {
  return parseIpRange(range) !== null;
}
