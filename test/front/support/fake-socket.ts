/** A socket that takes as many bytes at a time as the test allows, and a connection of the raw front on it. */
import type { Socket } from "bun";
import type { FrontClient, FrontOptions } from "../../../src/front/front.ts";
import type { Slot } from "../../../src/lib/live-set.ts";
import { releaseBytes } from "../../../src/lib/release-bytes.ts";
import { outbox } from "../../../src/lib/outbox.ts";
import { ClientConnection } from "../../../src/front/raw/client-connection.ts";

export interface FakeSetup {
  /** Bytes that the socket takes in one write; all when not given. */
  readonly takes?: () => number;
  readonly accept?: (client: FrontClient) => void;
}

export class FakeSocket {
  #sent = "";
  state: "open" | "shut" | "ended" | "terminated" = "open";
  paused = false;
  now = 0;
  draining = false;
  readonly clients: FrontClient[] = [];
  readonly crashes: unknown[] = [];
  readonly connection: ClientConnection;

  constructor({ takes = () => Infinity, accept }: FakeSetup = {}) {
    const socket: Pick<Socket, "write" | "pause" | "resume" | "end" | "shutdown" | "terminate" | "remoteAddress"> = {
      remoteAddress: "::ffff:10.0.0.1",
      write: (bytes, offset = 0, length = (bytes as Uint8Array).length) => {
        const text = Buffer.from(bytes as Uint8Array).toString("latin1", offset, offset + length);
        const taken = Math.min(text.length, takes());
        this.#sent += text.slice(0, taken);
        return taken;
      },
      pause: () => (this.paused = true),
      resume: () => (this.paused = false),
      end: () => {
        this.state = "ended";
        return 0;
      },
      shutdown: () => {
        this.state = "shut";
      },
      terminate: () => {
        this.state = "terminated";
      },
    };
    const options: FrontOptions = {
      hostname: "",
      port: 0,
      reusePort: false,
      now: () => this.now,
      random: () => 0.5,
      isDraining: () => this.draining,
      accept: (client) => {
        this.clients.push(client);
        accept?.(client);
      },
      crashed: (error) => this.crashes.push(error),
    };
    this.connection = new ClientConnection(socket as Socket<Slot<ClientConnection>>, options);
  }

  /** By the end of this turn. */
  get sent(): string {
    outbox.flush();
    return this.#sent;
  }

  /** latin1. */
  receive(text: string): void {
    this.connection.received(Buffer.from(text, "latin1"));
  }

  /** Lets what waits for its turn happen. */
  async turn(): Promise<void> {
    outbox.flush();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Answers every request with its path and body, whose memory it gives back. */
export function echo(client: FrontClient): void {
  void (async () => {
    const body = await client.readBody(1_000_000);
    client.head(200, [["content-type", "text/plain"]]);
    client.write(Buffer.from(`${client.path}:${body.toString("latin1")}`));
    releaseBytes(body);
    client.end();
  })();
}
