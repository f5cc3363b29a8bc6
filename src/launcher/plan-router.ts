/** The router of `--with-router`, as a unit of the fleet. Pure. Called by launch.ts. */
import type { FleetPlan, PortClaim, ServerPlan } from "./fleet-plan.ts";
import type { Address } from "./options.ts";
import { readArgument } from "./server-arguments.ts";

export const DEFAULT_ROUTER: Address = { host: "0.0.0.0", port: 9000 };

/** What the router itself gives answers that are not streamed. */
const ROUTER_DRAIN_SECS = 30;

export interface RouterOptions {
  /** How to start this program. */
  readonly selfCommand: readonly string[];
  readonly address: Address;
  readonly registrationPort: number;
  /** `--router-args` */
  readonly args: readonly string[];
  /** Settings for it that must not stand on its command line, or have no flag. */
  readonly environment: Readonly<Record<string, string>>;
  /** Time that requests under way may take. */
  readonly drainSecs: number;
}

/** The plan with the router in it. */
export function addRouter(plan: FleetPlan, options: RouterOptions): FleetPlan {
  const servers = plan.units.flatMap((unit) => unit.servers);
  const splitwise = servers.some(({ registration }) => registration !== null && registration.role !== "mixed");
  const { address, args, selfCommand, drainSecs } = options;
  const everywhere = address.host === "0.0.0.0" || address.host === "::";
  const wanted: readonly (readonly string[])[] = [
    everywhere ? [] : ["--host", address.host],
    splitwise ? ["--splitwise"] : [],
    // It must not wait longer than we do before we kill it.
    ["--drain-timeout-secs", String(Math.min(drainSecs, ROUTER_DRAIN_SECS))],
    ["--stream-drain-timeout-secs", String(drainSecs)],
  ];
  const generated = wanted.filter(([flag]) => flag !== undefined && readArgument(args, flag) === undefined).flat();
  const router: ServerPlan = {
    name: "router",
    command: [...selfCommand, "serve", "--port", String(address.port), ...generated, ...args],
    environment: options.environment,
    host: everywhere ? "127.0.0.1" : address.host,
    port: address.port,
    metricsPort: address.port,
    registration: null,
    healthPath: "/registered_number",
  };
  return { ...plan, router, claims: [...routerClaims(options), ...plan.claims] };
}

/** Without its registration port the router would start, and nobody could register. */
function routerClaims({ address, registrationPort }: RouterOptions): readonly PortClaim[] {
  return [
    { flag: "--router", port: address.port },
    { flag: "--registration", port: registrationPort },
  ];
}
