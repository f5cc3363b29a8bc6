/** The way to the router: opened for the launcher and the agent, and as the supervisor uses it. Called by run-fleet.ts and run-agent.ts. */
import { createRegistrationClient } from "../registration/client.ts";
import { advertisedHost } from "./advertised-host.ts";
import type { FleetPlan } from "./fleet-plan.ts";
import { LaunchProblem } from "./launch-problem.ts";
import { type Address, TOKEN_VARIABLE } from "./options.ts";
import { Registrar, type RegistrarDeps } from "./registrar.ts";
import { readArgument } from "./server-arguments.ts";
import type { RouterLink } from "./supervisor-contract.ts";

export interface RouterAddressOptions {
  readonly router: Address;
  readonly registration?: Address | undefined;
  readonly "registration-token"?: string | undefined;
  readonly "advertise-host"?: string | undefined;
}

/** Rejects with a LaunchProblem when no address of this host can be found for the router. */
export async function connectRouter(
  options: RouterAddressOptions,
  serversRegisterThemselves: boolean,
  note: RegistrarDeps["note"],
): Promise<{ readonly registrar: Registrar; readonly hostIp: string }> {
  const { router } = options;
  const { host, port } = options.registration ?? { host: router.host, port: router.port + 1 };
  const token = options["registration-token"] ?? process.env[TOKEN_VARIABLE];
  const hostIp = options["advertise-host"] ?? (await ownAddress(router, serversRegisterThemselves));
  const registrar = new Registrar({
    connect: (onEvent) =>
      createRegistrationClient({ host: host === "0.0.0.0" ? "127.0.0.1" : host, port, token, onEvent }),
    note,
    now: () => performance.now(),
  });
  note("info", `registering with ${host}:${port} as ${hostIp}`);
  return { registrar, hostIp };
}

async function ownAddress(router: Address, serversRegisterThemselves: boolean): Promise<string> {
  try {
    return await advertisedHost(router, serversRegisterThemselves);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new LaunchProblem(
      `--router ${router.host}:${router.port}: ${reason}; wanted --advertise-host or a router that can be reached`,
      { cause: error },
    );
  }
}

/** True when the servers' own arguments make them beat over HTTP as well. */
export function registerThemselves(plan: FleetPlan): boolean {
  const servers = plan.units.flatMap((unit) => unit.servers);
  return servers.some(({ command }) => readArgument(command, "--router") !== undefined);
}

/** `launchId` makes a server of this launch another one than that of an earlier launch with the same pid. */
export function linkRouter(registrar: Registrar, hostIp: string, launchId: string): RouterLink {
  return {
    register: ({ name, registration }, pid) => {
      if (registration === null) return;
      registrar.register(name, { ...registration, host_ip: hostIp, boot_id: `${launchId}/${pid}` });
    },
    isRegistered: ({ name }) => registrar.isRegistered(name),
    report: ({ name }, load) => registrar.report(name, load),
    drain: (servers, deadlineMs) =>
      registrar.drain(
        servers.map(({ name }) => name),
        deadlineMs,
      ),
    leave: ({ name }) => registrar.leave(name),
  };
}
