/** Starts a mock engine: its ports, the faults that concern them, and a graceful end. For the command, the demo and tests. */
import { Connection, type Reply } from "./connection.ts";
import type { Fault } from "./faults.ts";
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

/** Throws in the real server's words when a port is taken. */
export function startMockEngine(options: MockEngineOptions): MockEngine {
  const server = new MockServer(options);
  const api = new Port(server, options.port, handleApi);
  const metrics = metricsOnApiPort(options) ? null : new Port(server, options.metricsPort ?? 0, handleMetrics);
  const connector = options.role === "mixed" ? null : new Port(server, options.connectorPort ?? 0, handleConnector);
  server.faults.onSwitch = (kind, fault) => {
    server.onFault(kind);
    if (kind === "exit" && fault !== null) process.exit(fault.code ?? 1);
    if (kind === "refuse") refuse(server, api, fault);
  };
  for (const fault of options.faults) server.faults.set(fault);
  return {
    server,
    port: api.port,
    url: `http://${options.host.includes(":") ? `[${options.host}]` : options.host}:${api.port}`,
    metricsPort: metrics?.port ?? api.port,
    connectorPort: connector?.port ?? options.connectorPort,
    stop: async (graceSecs) => {
      api.close();
      api.drainConnections();
      const deadlineMs = graceSecs > 0 ? performance.now() + graceSecs * 1000 : Infinity;
      while (server.open > 0 && performance.now() < deadlineMs) await Bun.sleep(DRAIN_POLL_MS);
      await Promise.all([api, metrics, connector].flatMap((port) => (port === null ? [] : [port.end()])));
    },
  };
}

const DRAIN_POLL_MS = 5;
/** For clients to take the last bytes and close their side; whoever has not by then would hold the process for ever. */
const LINGER_MS = 250;

function refuse(server: MockServer, api: Port, fault: Fault | null): void {
  if (fault === null) {
    api.open();
    return;
  }
  api.close();
  api.resetConnections();
  if (fault.forMs !== undefined) setTimeout(() => server.faults.clear("refuse"), fault.forMs);
}

type Handler = (server: MockServer, request: HttpRequest, reply: Reply) => void;

/** A port of the mock and the connections that came through it; can be closed and opened again. */
class Port {
  readonly port: number;
  readonly #server: MockServer;
  readonly #handler: Handler;
  readonly #connections = new Set<Connection>();
  #listener: Bun.TCPSocketListener<Connection> | null;

  constructor(server: MockServer, port: number, handler: Handler) {
    this.#server = server;
    this.#handler = handler;
    this.#listener = this.#listen(port);
    this.port = this.#listener.port;
  }

  open(): void {
    this.#listener ??= this.#listen(this.port);
  }

  close(): void {
    this.#listener?.stop(false);
    this.#listener = null;
  }

  /** Each ends with the answer under way. */
  drainConnections(): void {
    for (const connection of this.#connections) connection.drain();
  }

  resetConnections(): void {
    for (const connection of this.#connections) connection.reset();
  }

  async end(): Promise<void> {
    this.close();
    for (const connection of this.#connections) connection.close();
    const deadlineMs = performance.now() + LINGER_MS;
    while (this.#connections.size > 0 && performance.now() < deadlineMs) await Bun.sleep(DRAIN_POLL_MS);
    this.resetConnections();
  }

  #listen(port: number): Bun.TCPSocketListener<Connection> {
    const connections = this.#connections;
    try {
      return Bun.listen<Connection>({
        hostname: this.#server.options.host,
        port,
        socket: {
          open: (socket) => {
            socket.data = new Connection(socket, (request, reply) => this.#handler(this.#server, request, reply));
            socket.setNoDelay(true);
            connections.add(socket.data);
          },
          data: (socket, bytes) => socket.data.onData(bytes),
          drain: (socket) => socket.data.onDrain(),
          close: (socket) => {
            connections.delete(socket.data);
            socket.data.onClose();
          },
          error: () => {},
        },
      });
    } catch (cause) {
      const taken = cause instanceof Error && "code" in cause && cause.code === "EADDRINUSE";
      if (taken) throw new Error(`The parameter \`port\`:${port} is already in use.`, { cause });
      throw cause;
    }
  }
}
