/** The line of `systemctl status`: fleet, rate and requests under way. Called by commands/serve.ts. */
import type { FleetSnapshot } from "../fleet/snapshot.ts";

export interface ServiceFigures {
  readonly snapshot: FleetSnapshot;
  /** Inference requests that ended so far. */
  readonly requests: number;
  readonly inFlight: number;
  /** Worker threads that serve, and all of them. */
  readonly serving: number;
  readonly workers: number;
}

/** Over a shorter time a rate says nothing. */
const MIN_PERIOD_MS = 1000;

export class ServiceStatus {
  #requests = 0;
  #rate = 0;
  #at: number;

  /** `now` in monotonic milliseconds. */
  constructor(now: number) {
    this.#at = now;
  }

  /** The rate is that since the last call that lies a second back or more. */
  line(figures: ServiceFigures, now: number): string {
    const { snapshot, requests, inFlight, serving, workers } = figures;
    if (now - this.#at >= MIN_PERIOD_MS) {
      this.#rate = (Math.max(0, requests - this.#requests) * 1000) / (now - this.#at);
      this.#requests = requests;
      this.#at = now;
    }
    const rate = this.#rate;
    return [
      describeFleet(snapshot),
      `${rate >= 10 ? Math.round(rate) : Number(rate.toFixed(1))} requests/s`,
      `${inFlight} in flight`,
      serving === workers ? `${workers} workers` : `${serving} of ${workers} workers`,
    ].join(", ");
  }
}

function describeFleet({ members }: FleetSnapshot): string {
  const count = members.length === 1 ? "1 instance" : `${members.length} instances`;
  const others = (["suspect", "draining"] as const).flatMap((state) => {
    const found = members.filter((member) => member.state === state).length;
    return found === 0 ? [] : [`${found} ${state}`];
  });
  return others.length === 0 ? count : `${count} (${others.join(", ")})`;
}
