/**
 * What the other dispatchers have on each instance, from their digests. The state is, for every instance, the figure of the
 * digest with the highest sequence that speaks of it (a full one speaks of all), so that digests may come late, twice or out
 * of order with the same end; what a lost one said is said again by the next full one.
 */
import type { InstanceLoad, LoadDigest } from "../fleet/digest.ts";
import type { InstanceId } from "../fleet/instance.ts";

/** A dispatcher that was not heard of for so long is taken for gone: it sends a full digest every second. */
const SILENCE_MS = 10_000;

/** Sum over all other dispatchers; the object stays the same while its instance is known. */
export interface PeerTotals {
  requests: number;
  pendingPrefillTokens: number;
  promptTokens: number;
}

interface PeerLoad {
  readonly sequence: number;
  readonly load: InstanceLoad;
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
      const known = peer.loads.get(load.id);
      if (known !== undefined && known.sequence >= sequence) continue;
      if (known !== undefined) this.#count(known.load, -1);
      this.#count(load, 1);
      peer.loads.set(load.id, { sequence, load });
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
      if (known === undefined) continue;
      this.#count(known.load, -1);
      peer.loads.set(id, {
        sequence: known.sequence,
        load: { id, inFlight: 0, pendingPrefillTokens: 0, promptTokens: 0 },
      });
    }
  }

  /** Forgets sums of instances that nobody knows and nobody has a request on. */
  prune(isKnown: (id: InstanceId) => boolean): void {
    for (const [id, totals] of this.#totals) if (totals.requests === 0 && !isKnown(id)) this.#totals.delete(id);
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

  #count(load: InstanceLoad, sign: 1 | -1): void {
    const totals = this.totals(load.id);
    totals.requests += sign * load.inFlight;
    totals.pendingPrefillTokens += sign * load.pendingPrefillTokens;
    totals.promptTokens += sign * load.promptTokens;
  }

  #dropOlder(peer: Peer, sequence: number): void {
    for (const [id, known] of peer.loads) {
      if (known.sequence >= sequence) continue;
      this.#count(known.load, -1);
      peer.loads.delete(id);
    }
  }
}
