/** Starts a mock engine: ports, faults of the process, registration, graceful end. For the command, the demo and tests. */
import { Connection, type Reply } from "./connection.ts";
import type { FaultKind } from "./faults.ts";
import type { HttpRequest } from "./http-parser.ts";
import { MockServer } from "./mock-server.ts";
import { metricsOnApiPort, type MockEngineOptions } from "./options.ts";
import { handleApi, handleConnector, handleMetrics } from "./routes.ts";

export interface MockEngine {
  readonly server: MockServer;
  readonly port: number;
  readonly url: string;
  /** Equals `port` unless `--metrics-port` gave it its own. */
  readonly metricsPort: number;
  /** PD: where the other half calls; null on a mixed server that was given none. */
  readonly connectorPort: number | null;
  /** Stops listening, lets requests under way end, at most `graceSecs` (0: no limit). */
  stop(graceSecs: number): Promise<void>;
}

type Handler = (server: MockServer, request: HttpRequest, reply: Reply) => void;

/** Rejects with the real server's words when a port is taken. */
export function startMockEngine(options: MockEngineOptions): MockEngine {
  const server = new MockServer(options);
  const connections = new Set<Connection>();
  let api = listen(server, options.port, { handler: handleApi, connections });
  const { port } = api;
  const { metricsPort } = options;
  const metrics =
    metricsPort === null || metricsOnApiPort(options)
      ? null
      : listen(server, metricsPort, { handler: handleMetrics, connections: new Set() });
  const connector =
    options.role === "mixed"
      ? null
      : listen(server, options.connectorPort ?? 0, { handler: handleConnector, connections: new Set() });
  const reopen = (): void => {
    api = listen(server, port, { handler: handleApi, connections });
  };
  server.faults.onSwitch = (kind) => {
    server.onFault(kind);
    actOnProcess(kind);
  };
  const actOnProcess = (kind: FaultKind): void => {
    const fault = server.faults.get(kind);
    if (kind === "exit" && fault !== null) process.exit(fault.code ?? 1);
    if (kind !== "refuse") return;
    if (fault === null) reopen();
    else {
      api.stop(false);
      for (const connection of connections) connection.reset();
      if (fault.forMs !== undefined) setTimeout(() => server.faults.clear("refuse"), fault.forMs);
    }
  };
  for (const fault of options.faults) server.faults.set(fault);
  return {
    server,
    port,
    url: `http://${bracketed(options.host)}:${port}`,
    metricsPort: metrics?.port ?? port,
    connectorPort: connector?.port ?? options.connectorPort,
    stop: async (graceSecs) => {
      if (server.faults.get("refuse") === null) api.stop(false);
      const deadlineMs = graceSecs > 0 ? performance.now() + graceSecs * 1000 : Infinity;
      for (const connection of connections) connection.drain();
      while (server.open > 0 && performance.now() < deadlineMs) await Bun.sleep(5);
      for (const connection of connections) connection.close();
      metrics?.stop(true);
      connector?.stop(true);
    },
  };
}

interface Listening {
  readonly handler: Handler;
  readonly connections: Set<Connection>;
}

function listen(
  server: MockServer,
  port: number,
  { handler, connections }: Listening,
): Bun.TCPSocketListener<Connection> {
  try {
    return Bun.listen<Connection>({
      hostname: server.options.host,
      port,
      socket: {
        open(socket) {
          socket.data = new Connection(socket, (request, reply) => handler(server, request, reply));
          socket.setNoDelay(true);
          connections.add(socket.data);
        },
        data: (socket, bytes) => socket.data.onData(bytes),
        drain: (socket) => socket.data.onDrain(),
        close(socket) {
          connections.delete(socket.data);
          socket.data.onClose();
        },
        error() {},
      },
    });
  } catch (cause) {
    throw new Error(`The parameter \`port\`:${port} is already in use.`, { cause });
  }
}

function bracketed(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}
