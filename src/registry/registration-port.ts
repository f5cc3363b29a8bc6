/** Opens the TCP door where the options want it. Called by service.ts at start. */
import type { RegistryLog } from "./log.ts";
import type { RegistryOptions } from "./options.ts";
import type { RegistrySettings } from "./settings.ts";
import type { TcpDoor, TcpDoorDeps } from "./tcp.ts";

const MAX_CONNECTIONS = 1024;

type PortDeps = Pick<TcpDoorDeps, "apply" | "admit" | "now"> & { readonly log: RegistryLog };

/**
 * Null when the door is switched off, or when the automatic port is busy: an operator who never asked for a second port must not be
 * kept from serving by it. Throws when the port was asked for.
 */
export async function openRegistrationPort(
  options: RegistryOptions,
  settings: RegistrySettings,
  routerPort: number,
  deps: PortDeps,
): Promise<TcpDoor | null> {
  const wanted = wantedPort(options["registration-port"], routerPort);
  if (wanted === null) return null;
  // Loaded with its msgpack only where the port is wanted.
  const { openTcpDoor } = await import("./tcp.ts");
  const host = options["registration-host"];
  const token = options["registration-token"];
  const { heartbeatMs, rules, maxConnectionsPerAddress } = settings;
  const listenOn = { host, port: wanted.port, maxConnections: MAX_CONNECTIONS, maxConnectionsPerAddress };
  let door: TcpDoor;
  try {
    door = openTcpDoor(listenOn, { ...deps, token, heartbeatMs, leaseMs: rules.leaseMs });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const text = `cannot listen for registrations on ${host}:${wanted.port}: ${reason}`;
    if (wanted.explicit) throw new Error(text, { cause: error });
    deps.log.warn(`${text}; going on without (option registration-port)`);
    return null;
  }
  deps.log.info(`Listening for registrations on ${host}:${door.address.port}`);
  if (token === "") deps.log.warn("Registration is open to anyone who reaches the port (option registration-token)");
  return door;
}

/** `explicit`: the operator named it. Null: switched off, or there is no port after the last one. */
function wantedPort(option: number, routerPort: number): { readonly port: number; readonly explicit: boolean } | null {
  if (option > 0) return { port: option, explicit: true };
  if (option === 0 || routerPort >= 65535) return null;
  return { port: routerPort === 0 ? 0 : routerPort + 1, explicit: false };
}
