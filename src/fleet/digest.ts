/**
 * A digest is what one dispatcher (a worker thread, or another router) tells the others of the load that it put on each instance.
 * Absolute values with a sequence number: one that is lost, late or doubled changes nothing for good.
 */
import type { InstanceId, Role } from "./instance.ts";

export interface InstanceLoad {
  readonly id: InstanceId;
  /** Requests this dispatcher has on the instance now. */
  readonly inFlight: number;
  /** Uncached prompt tokens whose first token has not come back. */
  readonly pendingPrefillTokens: number;
  /** Prompt tokens of the requests in flight, whether prefilled or not. */
  readonly promptTokens: number;
}

/** An instance was sent a prompt of these blocks (chained hashes), so that its cache probably holds them. */
export interface PrefixInsert {
  readonly id: InstanceId;
  readonly hashes: readonly number[];
}

/** The session's last request went to another instance than the one before, or was its first. */
export interface SessionMove {
  readonly role: Role;
  readonly sessionId: string;
  readonly id: InstanceId;
}

export interface LoadDigest {
  /** Unique for the life of a thread: a restarted worker has another one. */
  readonly dispatcher: string;
  readonly sequence: number;
  /** `full`: an instance that is not listed has no load of this dispatcher. Otherwise only what changed. */
  readonly full: boolean;
  readonly loads: readonly InstanceLoad[];
  /** New since the last digest, if there are any. A lost one costs cache hits, nothing else. */
  readonly prefixes?: readonly PrefixInsert[];
  /** The same for sessions. */
  readonly sessions?: readonly SessionMove[];
}
