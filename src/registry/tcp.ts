/** The TCP door: listens for launchers and agents that speak the registration protocol (docs/registration.md). */
import type { Socket, TCPSocketListener } from "bun";
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

export type TcpDoorDeps = Omit<ConnectionDeps, "guesses"> & { readonly now: () => number };

/** Throws when the port cannot be had. */
export function openTcpDoor(options: TcpDoorOptions, deps: TcpDoorDeps): TcpDoor {
  return new Door(options, deps);
}

class Door implements TcpDoor {
  readonly #options: TcpDoorOptions;
  readonly #deps: TcpDoorDeps;
  readonly #connectionDeps: ConnectionDeps;
  readonly #connections = new Map<number, Connection>();
  readonly #perAddress = new Map<string, number>();
  readonly #listener: TCPSocketListener<SocketState>;
  #lastNumber = 0;

  constructor(options: TcpDoorOptions, deps: TcpDoorDeps) {
    this.#options = options;
    this.#deps = deps;
    this.#connectionDeps = { ...deps, guesses: new RateLimit(GUESS_RATE) };
    this.#listener = Bun.listen<SocketState>({
      hostname: options.host,
      port: options.port,
      data: { connection: null },
      socket: {
        open: (socket) => this.#opened(socket),
        close: (socket) => this.#closed(socket),
        // Also what a handler here throws ends up in this place: a fault of ours with one client must not touch the others.
        error: (socket, error) => {
          deps.log.error(`Registration connection of ${socket.remoteAddress} failed: ${error.message}`);
          socket.terminate();
          this.#closed(socket);
        },
        data: (socket, chunk) => socket.data.connection?.receive(chunk, deps.now()),
        drain: (socket) => socket.data.connection?.writable(),
      },
    });
  }

  get address(): { readonly host: string; readonly port: number } {
    return { host: this.#options.host, port: this.#listener.port };
  }

  tick(): void {
    for (const connection of this.#connections.values()) connection.tick(this.#deps.now());
  }

  revoke(...[connection, lease, reason]: Parameters<TcpDoor["revoke"]>): void {
    this.#connections.get(connection)?.revoke(lease, reason, this.#deps.now());
  }

  inFlight(counts: ReadonlyMap<InstanceId, number>): void {
    for (const connection of this.#connections.values()) connection.inFlight(counts, this.#deps.now());
  }

  stop(): void {
    for (const connection of this.#connections.values()) {
      connection.fail("stopping", "the router is shutting down", this.#deps.now());
    }
    this.#listener.stop(true);
  }

  #opened(socket: Socket<SocketState>): void {
    const peer = socket.remoteAddress;
    const count = (this.#perAddress.get(peer) ?? 0) + 1;
    this.#perAddress.set(peer, count);
    const now = this.#deps.now();
    const connection = new Connection(++this.#lastNumber, wireOf(socket, peer), now, this.#connectionDeps);
    socket.data = { connection };
    this.#connections.set(connection.number, connection);
    socket.setKeepAlive(true, 10_000); // half-open connections of clients that vanished
    if (count > this.#options.maxConnectionsPerAddress || this.#connections.size > this.#options.maxConnections) {
      connection.fail("too_many_connections", `${count} connections from ${peer}`, now);
    }
  }

  #closed(socket: Socket<SocketState>): void {
    const { connection } = socket.data;
    if (connection === null) return;
    socket.data.connection = null;
    this.#connections.delete(connection.number);
    const { peer } = connection;
    const left = (this.#perAddress.get(peer) ?? 1) - 1;
    if (left > 0) this.#perAddress.set(peer, left);
    else this.#perAddress.delete(peer);
    this.#deps.apply({ kind: "disconnected", connection: connection.number });
  }
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
