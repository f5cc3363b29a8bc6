/** Options that a reload cannot change, since something was built on them at start: a port, a thread, a connection's terms. */
export const RESTART_KEYS: ReadonlySet<string> = new Set([
  "server.port",
  "server.host",
  "server.splitwise",
  "server.workers",
  "manager.register-path",
  "manager.registration-host",
  "manager.registration-port",
  "manager.registration-token",
  "manager.registration-max-connections-per-address",
  "manager.lease-secs",
  "manager.heartbeat-secs",
  "manager.saved-table-path",
  "log.output",
]);
