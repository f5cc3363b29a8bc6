/** Starts at random times of a given mean rate (Poisson), drawn beforehand, so that a slow answer delays none of them. */
import { Worker } from "node:worker_threads";
import type { Random } from "../../src/lib/random.ts";
import { clockNs } from "./clock.ts";

/** Time that the pacer's thread is given to start. */
const LEAD_MS = 100;

export class Schedule {
  readonly #pacer: Worker;
  readonly #dueAt: Float64Array;
  readonly #start: (intendedAt: number) => void;
  #next = 0;

  constructor(perSecond: number, durationMs: number, random: Random, start: (intendedAt: number) => void) {
    this.#start = start;
    this.#dueAt = drawTimes(perSecond, durationMs, random);
    this.#pacer = new Worker(new URL("./pacer.ts", import.meta.url).pathname);
    this.#pacer.on("message", () => this.#fire());
    this.#pacer.on("error", (error) => {
      throw new Error("the pacer of the load generator ended", { cause: error });
    });
    this.#pacer.postMessage(this.#dueAt);
  }

  stop(): void {
    this.#next = this.#dueAt.length;
    void this.#pacer.terminate();
  }

  /** All that is due; more than one when the generator was held up. */
  #fire(): void {
    const now = clockNs();
    for (;;) {
      const due = this.#dueAt[this.#next];
      if (due === undefined || due > now) return;
      this.#next++;
      this.#start(due);
    }
  }
}

function drawTimes(perSecond: number, durationMs: number, random: Random): Float64Array {
  const from = clockNs() + LEAD_MS * 1e6;
  const times: number[] = [];
  for (let at = from; at < from + durationMs * 1e6; at += (-Math.log(1 - random()) * 1e9) / perSecond) times.push(at);
  return Float64Array.from(times);
}
