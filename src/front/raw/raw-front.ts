/**
 * The front on sockets: `server.front: raw`. A request takes a fifth less CPU time than on Bun.serve. It sends the head of a
 * stream at once and answers pipelined requests; it knows HTTP/1.1 and 1.0 only, without TLS.
 */
import type { Socket, TCPSocketListener } from "bun";
import { LiveSet, type Slot } from "../../lib/live-set.ts";
import type { TurnQueue } from "../../lib/turn-queue.ts";
import { arrivals, type Front, type FrontClient, type FrontOptions } from "../front.ts";
import { ClientConnection } from "./client-connection.ts";

/** What a socket carries. */
type Seat = Slot<ClientConnection>;

/** How often clocks are looked at: their resolution. */
const SWEEP_MS = 250;

export class RawFront implements Front {
  readonly #options: FrontOptions;
  readonly #listener: TCPSocketListener<Seat>;
  readonly #arrived: TurnQueue<FrontClient>;
  readonly #connections = new LiveSet<ClientConnection>();
  readonly #sweeper: Timer;

  /** Throws when the address cannot be listened on. */
  constructor(options: FrontOptions) {
    const { hostname, port, reusePort, now } = options;
    this.#arrived = arrivals(options);
    this.#options = { ...options, accept: (client) => this.#arrived.add(client) };
    this.#listener = this.#listen(hostname === "" || hostname === "0.0.0.0" ? "::" : hostname, { port, reusePort });
    this.#sweeper = setInterval(() => {
      for (const { member } of this.#connections) member.checkClock(now());
    }, SWEEP_MS);
  }

  /** The types do not have `reusePort`, which works. */
  #listen(hostname: string, address: { readonly port: number; readonly reusePort: boolean }): TCPSocketListener<Seat> {
    try {
      return Bun.listen<Seat>({ hostname, ...address, socket: this.#handlers() });
    } catch (error) {
      // A machine without IPv6.
      const isTaken = error instanceof Error && "code" in error && error.code === "EADDRINUSE";
      if (hostname !== "::" || isTaken) throw error;
      return this.#listen("0.0.0.0", address);
    }
  }

  get port(): number {
    return this.#listener.port;
  }

  get isSending(): boolean {
    return !this.#arrived.isEmpty || [...this.#connections].some(({ member }) => member.isSending);
  }

  async stop(): Promise<void> {
    this.#listener.stop(false);
    for (const { member } of this.#connections) if (member.isIdle) member.close();
  }

  async stopNow(): Promise<void> {
    clearInterval(this.#sweeper);
    this.#listener.stop(true);
    for (const { member } of this.#connections) member.closed();
  }

  #handlers(): Bun.SocketHandler<Seat> {
    return {
      binaryType: "buffer",
      open: (socket) => {
        socket.setNoDelay(true);
        // A client that vanished without a word is noticed while nothing is sent to it.
        socket.setKeepAlive(true, 60_000);
        socket.data = this.#connections.add(new ClientConnection(socket, this.#options));
      },
      data: (socket, bytes) => socket.data.member.received(bytes),
      drain: (socket) => socket.data?.member.drained(),
      end: (socket) => this.#closed(socket),
      close: (socket) => this.#closed(socket),
      error: (socket, error) => {
        // Bun brings here what our own callbacks throw, too.
        if (!("code" in error)) this.#options.crashed(error);
        this.#closed(socket);
      },
    };
  }

  #closed(socket: Socket<Seat>): void {
    const seat = socket.data;
    if (seat === undefined) return;
    this.#connections.delete(seat);
    seat.member.closed();
  }
}
