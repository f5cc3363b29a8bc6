/**
 * Many deadlines of which nearly none is ever reached, looked at by one timer: a timer of its own for every request costs more than all
 * the rest of waiting for its body.
 */
import { LiveSet, NO_PLACE, type LiveMember } from "./live-set.ts";

/** How late a deadline may be noticed. */
const LOOK_MS = 50;

interface Deadline extends LiveMember {
  readonly at: number;
  readonly reached: () => void;
}

export class Deadlines {
  readonly #open = new LiveSet<Deadline>();
  #timer: Timer | null = null;

  /** Calls `reached` once `performance.now()` has passed `at`, unless the returned function was called before. */
  add(at: number, reached: () => void): () => void {
    const deadline = { at, reached, place: NO_PLACE };
    this.#open.add(deadline);
    this.#timer ??= setInterval(() => this.#look(), LOOK_MS);
    return () => this.#open.delete(deadline);
  }

  #look(): void {
    const now = performance.now();
    for (const deadline of this.#open) {
      if (deadline.at > now) continue;
      this.#open.delete(deadline);
      deadline.reached();
    }
    if (this.#open.size > 0 || this.#timer === null) return;
    clearInterval(this.#timer);
    this.#timer = null;
  }
}
