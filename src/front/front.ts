/**
 * Where clients come in: a listener on the common port that makes a Downstream of each request. There are two: serve/ on Bun.serve, and
 * raw/ on sockets with a parser of our own. Made by worker/service.ts, one a thread.
 */
import { outbox } from "../lib/outbox.ts";
import { TurnQueue } from "../lib/turn-queue.ts";
import type { Downstream } from "../proxy/downstream.ts";
import type { HeaderList } from "../upstream/response-head.ts";

export interface FrontClient extends Downstream {
  /** A stream of events that has begun. */
  readonly isStreaming: boolean;
  /** Breaks the answer off because the router stops; the client is told so, and the proxy sees a client that left. */
  cut(random: () => number): void;
}

export interface FrontOptions {
  /** Empty: all interfaces, IPv4 and IPv6. */
  readonly hostname: string;
  /** 0: any free one. */
  readonly port: number;
  /** Several threads listen on the port. */
  readonly reusePort: boolean;
  readonly now: () => number;
  readonly random: () => number;
  /** Answers are the last ones on their connections from now on. */
  readonly isDraining: () => boolean;
  /** Handles one request. Never rejects. */
  readonly accept: (client: FrontClient) => void;
  /** A programming error, with the connection on which it came up already closed. */
  readonly crashed: (error: unknown) => void;
}

export interface Front {
  readonly port: number;
  /** Requests wait for the end of the turn, or parts of answers that have ended for their clients to read them. */
  readonly isSending: boolean;
  /** Takes no new connections, closes those without a request, lets the others end. */
  stop(): Promise<void>;
  /** Closes all connections. */
  stopNow(): Promise<void>;
}

/** Requests of a turn begin when all that it brought is read. */
export function arrivals({ accept }: FrontOptions): TurnQueue<FrontClient> {
  return new TurnQueue((clients) => {
    for (const client of clients) accept(client);
    // What they send to instances is there now: the turn ends here.
    outbox.flush();
  });
}

export const FRONTS = ["serve", "raw"] as const;
export type FrontName = (typeof FRONTS)[number];

/** How long a connection without a request stays open. */
export const IDLE_CONNECTION_SECS = 60;

/** Whether an answer with these fields is a stream of events. */
export function isEventStream(headers: HeaderList): boolean {
  return headers.some(
    ([name, value]) => name.toLowerCase() === "content-type" && value.startsWith("text/event-stream"),
  );
}

/** A dual-stack socket shows IPv4 peers as `::ffff:10.0.0.1`; one that was reset while it waited to be accepted has no peer any more. */
export function plainAddress(address: string | undefined): string {
  if (address === undefined) return "";
  return address.startsWith("::ffff:") ? address.slice(7) : address;
}
