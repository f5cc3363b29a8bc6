/** The supervisor's way to the router: through a registrar, or to nobody when no router was named. Made by run-fleet.ts. */
import { createRegistrationClient } from "../registration/client.ts";
import { advertisedHost } from "./advertised-host.ts";
import type { FleetPlan } from "./fleet-plan.ts";
import { type Address, type LaunchOptions, TOKEN_VARIABLE } from "./options.ts";
import { createRegistrar, type Registrar, type RegistrarDeps } from "./registrar.ts";
import { readArgument } from "./server-arguments.ts";
import type { RouterLink } from "./supervise.ts";

export interface RouterConnection {
  readonly link: RouterLink;
  /** Takes leave of the router. */
  close(): Promise<void>;
}

/** Rejects when no address of this host can be found for the router. */
export async function connectRouter(
  plan: FleetPlan,
  router: Address,
  options: LaunchOptions,
  note: RegistrarDeps["note"],
): Promise<RouterConnection> {
  const registration = options.registration ?? { host: router.host, port: router.port + 1 };
  const servers = plan.units.flatMap((unit) => unit.servers);
  const beating = servers.some(({ command }) => readArgument(command, "--router") !== undefined);
  const hostIp = options["advertise-host"] ?? (await advertisedHost(router, beating));
  const { host, port } = registration;
  const token = options["registration-token"] ?? process.env[TOKEN_VARIABLE];
  const registrar = createRegistrar({
    connect: (onEvent) =>
      createRegistrationClient({ host: host === "0.0.0.0" ? "127.0.0.1" : host, port, token, onEvent }),
    note,
    now: () => performance.now(),
  });
  note("info", `registering with ${host}:${port} as ${hostIp}`);
  return { link: linkRouter(registrar, hostIp, crypto.randomUUID()), close: () => registrar.close() };
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

/** Servers count as registered, so that a rolling restart goes on without a router. */
export const NO_ROUTER: RouterConnection = {
  link: {
    register: () => {},
    isRegistered: () => true,
    report: () => {},
    drain: () => Promise.resolve(),
    leave: () => {},
  },
  close: () => Promise.resolve(),
};
