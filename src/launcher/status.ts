/** What the launcher says of itself over HTTP: `/status` (JSON) and `/metrics` (Prometheus). Started by run-fleet.ts for `--status-port`. */
import type { ServerView } from "./supervisor-contract.ts";

export interface StatusServer {
  readonly port: number;
  /** Whom it tells of, once there is somebody. */
  follow(view: () => readonly ServerView[]): void;
  stop(): void;
}

/** Throws when the port is taken. */
export function serveStatus(host: string, port: number): StatusServer {
  let view = nothing;
  const server = Bun.serve({
    hostname: host,
    port,
    development: false,
    // Exact paths: a Host field that is no address must not throw (new URL would).
    routes: {
      "/status": () => Response.json({ pid: process.pid, servers: view().map(statusOf) }),
      "/metrics": () =>
        new Response(renderMetrics(view()), {
          headers: { "content-type": "text/plain; version=0.0.4; charset=utf-8" },
        }),
    },
    fetch: () => new Response("404 page not found\n", { status: 404 }),
    error: () => new Response("500 internal error\n", { status: 500 }),
  });
  return {
    port: server.port ?? port,
    follow: (followed) => (view = followed),
    stop: () => void server.stop(true),
  };
}

function nothing(): readonly ServerView[] {
  return [];
}

function statusOf(server: ServerView): Readonly<Record<string, unknown>> {
  return {
    name: server.name,
    unit: server.unit,
    state: server.phase,
    healthy: server.healthy,
    registered: server.registered,
    pid: server.pid,
    port: server.port,
    uptime_secs: Math.round(server.upMs / 1000),
    restarts: server.restarts,
    running: server.load?.running ?? null,
    waiting: server.load?.waiting ?? null,
    kv_usage: server.load?.kvUsage ?? null,
    tokens_per_sec: server.tokensPerSec === null ? null : Math.round(server.tokensPerSec),
    last_failure: server.reason === "" ? null : server.reason,
  };
}

interface Metric {
  readonly name: string;
  readonly type: "gauge" | "counter";
  readonly help: string;
  /** Null: no sample for this server. */
  readonly value: (server: ServerView) => number | null;
}

const METRICS: readonly Metric[] = [
  {
    name: "fd_launcher_server_up",
    type: "gauge",
    help: "1 when the server runs and its last probe was good",
    value: (server) => Number(server.phase === "running" && server.healthy),
  },
  {
    name: "fd_launcher_server_registered",
    type: "gauge",
    help: "1 when the router has accepted the server",
    value: (server) => (server.registered === null ? null : Number(server.registered)),
  },
  {
    name: "fd_launcher_server_failed",
    type: "gauge",
    help: "1 when the server crashed too often and was given up",
    value: (server) => Number(server.phase === "failed"),
  },
  {
    name: "fd_launcher_server_restarts_total",
    type: "counter",
    help: "Restarts of the server's unit",
    value: (server) => server.restarts,
  },
  {
    name: "fd_launcher_server_uptime_seconds",
    type: "gauge",
    help: "Age of the server's process",
    value: (server) => (server.pid === null ? null : server.upMs / 1000),
  },
  {
    name: "fd_launcher_requests_running",
    type: "gauge",
    help: "Requests in the server's running batch",
    value: (server) => server.load?.running ?? null,
  },
  {
    name: "fd_launcher_requests_waiting",
    type: "gauge",
    help: "Requests that wait in the server",
    value: (server) => server.load?.waiting ?? null,
  },
  {
    name: "fd_launcher_kv_usage_ratio",
    type: "gauge",
    help: "Use of the server's KV cache, 0 to 1",
    value: (server) => server.load?.kvUsage ?? null,
  },
  {
    name: "fd_launcher_tokens_per_second",
    type: "gauge",
    help: "Tokens that the server generates a second",
    value: (server) => server.tokensPerSec,
  },
];

export function renderMetrics(servers: readonly ServerView[]): string {
  const lines: string[] = [];
  for (const { name, type, help, value } of METRICS) {
    lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`);
    for (const server of servers) {
      const sample = value(server);
      if (sample !== null) lines.push(`${name}{server="${server.name}",unit="${server.unit}"} ${sample}`);
    }
  }
  return `${lines.join("\n")}\n`;
}
