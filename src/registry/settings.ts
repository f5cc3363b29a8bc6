/** Options as the parts of the registry use them: times in milliseconds, rules as data. Called by service.ts. */
import { type AddressRules, ipRanges } from "./addresses.ts";
import type { RegistryOptions } from "./options.ts";
import type { RegistryRules } from "./state.ts";

export interface RegistrySettings {
  readonly rules: RegistryRules;
  readonly addresses: Omit<AddressRules, "own">;
  readonly probePath: string;
  readonly probeTimeoutMs: number;
  readonly probeIntervalMs: number;
  /** Pause between two rounds of asking for engines' metrics; null is never. */
  readonly scrapeIntervalMs: number | null;
  readonly scrapeTimeoutMs: number;
  readonly heartbeatMs: number;
  readonly maxConnectionsPerAddress: number;
}

/** What is left of a lease when its connection closes. */
const CLOSED_LEASE_MS = 5000;

/** Where a policy reads reports and no period is named. */
const SCRAPE_MS = 1000;
const MIN_SCRAPE_MS = 50;

/** `reportsWanted`: a policy goes by what engines report. */
export function settingsOf(options: RegistryOptions, reportsWanted: boolean): RegistrySettings {
  const path = options["health-check-endpoint"];
  const leaseMs = options["lease-secs"] * 1000;
  const heartbeatMs = Math.min(options["heartbeat-secs"] * 1000, leaseMs / 3);
  const scrapeIntervalMs = scrapeInterval(options["metrics-update-interval-secs"] * 1000, reportsWanted);
  const cidrs = options["allow-cidrs"];
  return {
    rules: {
      maxInstances: options["max-instances"],
      leaseMs,
      closedLeaseMs: Math.min(leaseMs, CLOSED_LEASE_MS),
      failureThreshold: options["health-failure-threshold"],
      successThreshold: options["health-success-threshold"],
    },
    addresses: {
      denyMetadata: options["deny-link-local"],
      allowLoopback: options["allow-loopback"],
      allowed: cidrs.length === 0 ? null : ipRanges(cidrs),
    },
    probePath: path.startsWith("/") ? path : `/${path}`,
    probeTimeoutMs: options["health-check-timeout-secs"] * 1000,
    probeIntervalMs: options["health-check-interval-secs"] * 1000,
    scrapeIntervalMs,
    scrapeTimeoutMs: Math.min(options["health-check-timeout-secs"] * 1000, Math.max(SCRAPE_MS, scrapeIntervalMs ?? 0)),
    heartbeatMs: Math.max(1, Math.round(heartbeatMs)),
    maxConnectionsPerAddress: options["registration-max-connections-per-address"],
  };
}

function scrapeInterval(configuredMs: number, reportsWanted: boolean): number | null {
  if (configuredMs < 0) return reportsWanted ? SCRAPE_MS : null;
  return configuredMs === 0 ? null : Math.max(MIN_SCRAPE_MS, configuredMs);
}
