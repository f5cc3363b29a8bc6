/**
 * What the other dispatchers have on each instance, from their digests. The state is, for every instance, the figure of the
 * digest with the highest sequence that speaks of it (a full one speaks of all), so that digests may come late, twice or out
 * of order with the same end; what a lost one said is said again by the next full one.
 */
import type { LoadDigest } from "../fleet/digest.ts";
import type { InstanceId } from "../fleet/instance.ts";

/** A dispatcher that was not heard of for so long is taken for gone: it sends a full digest every second. */
const SILENCE_MS = 10_000;

/** Sum over all other dispatchers; the object stays the same while its instance is known. */
export interface PeerTotals {
  requests: number;
  pendingPrefillTokens: number;
  promptTokens: number;
}

/** What one peer said of one instance, changed in place: digests come often. */
interface PeerLoad {
  sequence: number;
  requests: number;
  pendingPrefillTokens: number;
  promptTokens: number;
  readonly totals: PeerTotals;
}

interface Peer {
  readonly loads: Map<InstanceId, PeerLoad>;
  sequence: number;
  fullSequence: number;
  heardAt: number;
}

export class Peers {
  readonly #peers = new Map<string, Peer>();
  readonly #totals = new Map<InstanceId, PeerTotals>();
  #heardAtSum = 0;

  totals(id: InstanceId): PeerTotals {
    let totals = this.#totals.get(id);
    if (totals === undefined) {
      totals = { requests: 0, pendingPrefillTokens: 0, promptTokens: 0 };
      this.#totals.set(id, totals);
    }
    return totals;
  }

  /** Mean over the peers of the age of their newest digest. */
  meanAgeMs(now: number): number {
    return this.#peers.size === 0 ? 0 : now - this.#heardAtSum / this.#peers.size;
  }

  receive(digest: LoadDigest, now: number): void {
    const peer = this.#peer(digest.dispatcher, now);
    const { sequence } = digest;
    if (sequence < peer.fullSequence) return;
    if (sequence > peer.sequence) {
      peer.sequence = sequence;
      this.#heardAtSum += now - peer.heardAt;
      peer.heardAt = now;
    }
    for (const load of digest.loads) {
      let known = peer.loads.get(load.id);
      if (known === undefined) {
        const totals = this.totals(load.id);
        known = { sequence: -1, requests: 0, pendingPrefillTokens: 0, promptTokens: 0, totals };
        peer.loads.set(load.id, known);
      }
      if (known.sequence >= sequence) continue;
      known.sequence = sequence;
      replace(known, load.inFlight, load.pendingPrefillTokens, load.promptTokens);
    }
    if (digest.full && sequence > peer.fullSequence) {
      peer.fullSequence = sequence;
      this.#dropOlder(peer, sequence);
    }
  }

  /** The dispatcher is gone, and its requests with it. */
  withdraw(dispatcher: string): void {
    const peer = this.#peers.get(dispatcher);
    if (peer === undefined) return;
    this.#dropOlder(peer, Infinity);
    this.#peers.delete(dispatcher);
    this.#heardAtSum -= peer.heardAt;
  }

  withdrawSilent(now: number): void {
    for (const [name, peer] of this.#peers) if (now - peer.heardAt > SILENCE_MS) this.withdraw(name);
  }

  /** The instance is a new process: nothing that was counted for the old one is on it. */
  voidInstance(id: InstanceId): void {
    for (const peer of this.#peers.values()) {
      const known = peer.loads.get(id);
      if (known !== undefined) replace(known, 0, 0, 0);
    }
  }

  /** Forgets sums of instances that nobody knows and nobody has a request on. */
  prune(isKnown: (id: InstanceId) => boolean): void {
    for (const [id, totals] of this.#totals) {
      if (totals.requests > 0 || isKnown(id)) continue;
      this.#totals.delete(id);
      for (const peer of this.#peers.values()) peer.loads.delete(id);
    }
  }

  #peer(name: string, now: number): Peer {
    let peer = this.#peers.get(name);
    if (peer === undefined) {
      peer = { loads: new Map(), sequence: -1, fullSequence: -1, heardAt: now };
      this.#peers.set(name, peer);
      this.#heardAtSum += now;
    }
    return peer;
  }

  #dropOlder(peer: Peer, sequence: number): void {
    for (const [id, known] of peer.loads) {
      if (known.sequence >= sequence) continue;
      replace(known, 0, 0, 0);
      peer.loads.delete(id);
    }
  }
}

/** Puts the new figures in the place of the old ones, in the sum as well. */
function replace(known: PeerLoad, requests: number, pendingPrefillTokens: number, promptTokens: number): void {
  const { totals } = known;
  totals.requests += requests - known.requests;
  totals.pendingPrefillTokens += pendingPrefillTokens - known.pendingPrefillTokens;
  totals.promptTokens += promptTokens - known.promptTokens;
  known.requests = requests;
  known.pendingPrefillTokens = pendingPrefillTokens;
  known.promptTokens = promptTokens;
}
