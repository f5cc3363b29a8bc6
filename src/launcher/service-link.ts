/** Tells systemd how the fleet is, when the launcher runs as a service (fd-router-launch@). Opened by run-fleet.ts. */
import { openNotifySocket } from "../systemd/notify-socket.ts";
import { ServiceNotifier, watchdogOf } from "../systemd/service-notifier.ts";
import type { ServerView } from "./supervisor-contract.ts";

/** Ready at once: a model may take a quarter of an hour to load, and one that never does must not take the others with it. */
export function openServiceLink(view: () => readonly ServerView[]): ServiceNotifier {
  const socket = openNotifySocket(process.env["NOTIFY_SOCKET"]);
  const notifier = new ServiceNotifier(socket, watchdogOf(process.env, process.pid), {
    // That this is asked says that the one thread answers.
    alive: () => true,
    status: () => fleetStatus(view()),
  });
  // The servers are no part of the conversation: a router among them would tell systemd of itself.
  for (const name of ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"]) delete process.env[name];
  if (socket !== null) setInterval(() => notifier.tick(performance.now()), notifier.tickMs).unref();
  notifier.ready();
  return notifier;
}

/** `7 of 8 servers healthy (1 starting), 2 restarts`. */
export function fleetStatus(servers: readonly ServerView[]): string {
  const healthy = servers.filter((server) => server.healthy).length;
  const others = Map.groupBy(
    servers.filter((server) => !server.healthy),
    ({ phase }) => phase,
  );
  const notes = [...others].map(([phase, found]) => `${found.length} ${phase}`);
  const restarts = servers.reduce((sum, server) => sum + server.restarts, 0);
  const fleet = `${healthy} of ${servers.length} servers healthy`;
  return `${fleet}${notes.length === 0 ? "" : ` (${notes.join(", ")})`}, ${restarts} restarts`;
}
