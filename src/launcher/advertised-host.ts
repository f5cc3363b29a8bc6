/** The address under which the router reaches servers on this host. Called by router-link.ts when `--advertise-host` is not given. */
import { createSocket } from "node:dgram";
import { lookup } from "node:dns/promises";
import { hostname } from "node:os";
import type { Address } from "./options.ts";

/**
 * Servers that register over HTTP by themselves do it under the address of the host's name: the same must be
 * used then, or the router would see two servers for one.
 */
export async function advertisedHost(router: Address, serversRegisterThemselves: boolean): Promise<string> {
  if (serversRegisterThemselves) {
    const own = await lookup(hostname(), { family: 4 }).catch(() => null);
    if (own !== null) return own.address;
  }
  const { address } = await lookup(router.host === "0.0.0.0" ? "127.0.0.1" : router.host);
  return localAddressTowards(address, router.port);
}

/** A connected datagram socket knows its own address, and nothing is sent. */
function localAddressTowards(address: string, port: number): Promise<string> {
  const socket = createSocket(address.includes(":") ? "udp6" : "udp4");
  return new Promise((resolve, reject) => {
    socket.once("error", reject);
    socket.connect(port, address, () => {
      resolve(socket.address().address);
      socket.close();
    });
  });
}
