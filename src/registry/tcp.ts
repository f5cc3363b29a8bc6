/** The TCP door: listens for launchers and agents that speak the registration protocol (docs/registration.md). */
import type { Socket } from "bun";
import type { InstanceId } from "../fleet/instance.ts";
import type { RevokeReason } from "../registration/messages.ts";
import { RateLimit } from "./rate-limit.ts";
import { Connection, type ConnectionDeps } from "./tcp-connection.ts";

export interface TcpDoorOptions {
  readonly host: string;
  /** 0 takes any free one. */
  readonly port: number;
  readonly maxConnections: number;
  readonly maxConnectionsPerAddress: number;
}

export interface TcpDoor {
  readonly address: { readonly host: string; readonly port: number };
  /** Deadlines and heartbeats; call it several times a second. */
  tick(): void;
  revoke(connection: number, lease: number, reason: RevokeReason): void;
  /** Requests that the whole router has on each instance, for those that wait for the end of a drain. */
  inFlight(counts: ReadonlyMap<InstanceId, number>): void;
  stop(): void;
}

interface SocketState {
  connection: Connection | null;
}

const GUESS_RATE = { burst: 10, perSecond: 0.2 };

/** Throws when the port cannot be had. */
export function openTcpDoor(
  options: TcpDoorOptions,
  deps: Omit<ConnectionDeps, "guesses"> & { readonly now: () => number },
): TcpDoor {
  const connections = new Map<number, Connection>();
  const perAddress = new Map<string, number>();
  const connectionDeps = { ...deps, guesses: new RateLimit(GUESS_RATE) };
  let lastNumber = 0;

  function opened(socket: Socket<SocketState>): void {
    const peer = socket.remoteAddress;
    const count = (perAddress.get(peer) ?? 0) + 1;
    perAddress.set(peer, count);
    const connection = new Connection(++lastNumber, wireOf(socket, peer), deps.now(), connectionDeps);
    socket.data = { connection };
    connections.set(connection.number, connection);
    socket.setKeepAlive(true, 10_000); // half-open connections of clients that vanished
    if (count > options.maxConnectionsPerAddress || connections.size > options.maxConnections) {
      connection.fail("too_many_connections", `${count} connections from ${peer}`, deps.now());
    }
  }

  function closed(socket: Socket<SocketState>): void {
    const { connection } = socket.data;
    if (connection === null) return;
    socket.data.connection = null;
    connections.delete(connection.number);
    const peer = connection.peer;
    const left = (perAddress.get(peer) ?? 1) - 1;
    if (left > 0) perAddress.set(peer, left);
    else perAddress.delete(peer);
    deps.apply({ kind: "disconnected", connection: connection.number });
  }

  const listener = Bun.listen<SocketState>({
    hostname: options.host,
    port: options.port,
    data: { connection: null },
    socket: {
      open: opened,
      close: closed,
      error: closed,
      data: (socket, chunk) => socket.data.connection?.receive(chunk, deps.now()),
      drain: (socket) => socket.data.connection?.writable(),
    },
  });

  return {
    address: { host: options.host, port: listener.port },
    tick() {
      for (const connection of connections.values()) connection.tick(deps.now());
    },
    revoke(connection, lease, reason) {
      connections.get(connection)?.revoke(lease, reason, deps.now());
    },
    inFlight(counts) {
      for (const connection of connections.values()) connection.inFlight(counts, deps.now());
    },
    stop() {
      for (const connection of connections.values()) {
        connection.fail("stopping", "the router is shutting down", deps.now());
      }
      listener.stop(true);
    },
  };
}

function wireOf(socket: Socket<SocketState>, peer: string): ConstructorParameters<typeof Connection>[1] {
  return {
    peer,
    write: (bytes) => socket.write(bytes),
    end: () => {
      socket.end();
    },
    terminate: () => {
      socket.terminate();
    },
  };
}
