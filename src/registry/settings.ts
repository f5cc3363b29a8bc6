/**
 * Options as the parts of the registry use them: times in milliseconds, odd values put right. The Go router took 0 for "default" and
 * did harmful things with negative numbers; here they are raised to what makes sense, and said so. Called by service.ts.
 */
import { type AddressRules, blockList } from "./addresses.ts";
import type { RegistryOptions } from "./options.ts";
import type { RegistryRules } from "./state.ts";

export interface RegistrySettings {
  readonly rules: RegistryRules;
  readonly addresses: Omit<AddressRules, "own">;
  readonly probePath: string;
  readonly probeTimeoutMs: number;
  readonly probeIntervalMs: number;
  readonly heartbeatMs: number;
  readonly maxConnectionsPerAddress: number;
  /** Worth a line at start. */
  readonly warnings: readonly string[];
}

/** What is left of a lease when its connection closes. */
const CLOSED_LEASE_MS = 5000;

export function settingsOf(options: RegistryOptions): RegistrySettings {
  const warnings: string[] = [];
  const seconds = (key: SecondsKey, fallback: number): number => {
    const value = options[key];
    if (value < 0) warnings.push(`option manager.${key}: ${value} is no time, using ${fallback} s`);
    return (value > 0 ? value : fallback) * 1000;
  };
  const count = (key: CountKey, fallback: number): number => {
    const value = options[key];
    if (value < 0) warnings.push(`option manager.${key}: ${value} is too low, using 1`);
    return value === 0 ? fallback : Math.max(1, Math.trunc(value));
  };
  const path = options["health-check-endpoint"];
  if (path !== "" && !path.startsWith("/")) {
    warnings.push(`option manager.health-check-endpoint: "${path}" has no leading slash, using "/${path}"`);
  }
  const leaseMs = seconds("lease-secs", 15);
  const heartbeatMs = Math.min(seconds("heartbeat-secs", 3), leaseMs / 3);
  const cidrs = options["allow-cidrs"];
  return {
    rules: {
      maxInstances: count("max-instances", 4096),
      leaseMs,
      closedLeaseMs: Math.min(leaseMs, CLOSED_LEASE_MS),
      failureThreshold: count("health-failure-threshold", 1),
      successThreshold: count("health-success-threshold", 1),
    },
    addresses: {
      denyMetadata: options["deny-link-local"],
      allowLoopback: options["allow-loopback"],
      allowed: cidrs.length === 0 ? null : blockList(cidrs),
    },
    probePath: path === "" ? "/health" : path.startsWith("/") ? path : `/${path}`,
    probeTimeoutMs: seconds("health-check-timeout-secs", 5),
    probeIntervalMs: seconds("health-check-interval-secs", 5),
    heartbeatMs: Math.max(1, Math.round(heartbeatMs)),
    maxConnectionsPerAddress: count("registration-max-connections-per-address", 128),
    warnings,
  };
}

type SecondsKey = "lease-secs" | "heartbeat-secs" | "health-check-timeout-secs" | "health-check-interval-secs";
type CountKey =
  | "max-instances"
  | "health-failure-threshold"
  | "health-success-threshold"
  | "registration-max-connections-per-address";
