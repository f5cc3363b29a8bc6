/** Starts at random times of a given mean rate (Poisson), drawn beforehand, so that a slow answer delays none of them. */
import type { Random } from "../../src/lib/random.ts";
import { clockNs } from "./clock.ts";

/** From the drawing to the first start. */
const LEAD_MS = 10;

export interface Pace {
  readonly perSecond: number;
  readonly durationMs: number;
  /** Looks at the clock in every turn of the event loop, since timers come up to a millisecond late. */
  readonly spins: boolean;
}

export class Schedule {
  readonly #dueAt: Float64Array;
  readonly #spins: boolean;
  readonly #start: (intendedAt: number) => void;
  #next = 0;

  constructor({ perSecond, durationMs, spins }: Pace, random: Random, start: (intendedAt: number) => void) {
    this.#start = start;
    this.#spins = spins;
    this.#dueAt = drawTimes(perSecond, durationMs, random);
    this.#turn();
  }

  stop(): void {
    this.#next = this.#dueAt.length;
  }

  /** Starts all that is due; more than one when the generator was held up. */
  readonly #turn = (): void => {
    const now = clockNs();
    for (;;) {
      const due = this.#dueAt[this.#next];
      if (due === undefined) return;
      if (due > now) {
        if (this.#spins) setImmediate(this.#turn);
        else setTimeout(this.#turn, (due - now) / 1e6);
        return;
      }
      this.#next++;
      this.#start(due);
    }
  };
}

function drawTimes(perSecond: number, durationMs: number, random: Random): Float64Array {
  const from = clockNs() + LEAD_MS * 1e6;
  const times: number[] = [];
  for (let at = from; at < from + durationMs * 1e6; at += (-Math.log(1 - random()) * 1e9) / perSecond) times.push(at);
  return Float64Array.from(times);
}
