/** What the supervisor says to the router, said through a registrar; or to nobody when no router was named. Made by launch.ts. */
import type { Registrar } from "./registrar.ts";
import type { RouterLink } from "./supervise.ts";

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
export const NO_ROUTER: RouterLink = {
  register: () => {},
  isRegistered: () => true,
  report: () => {},
  drain: () => Promise.resolve(),
  leave: () => {},
};
