/**
 * Many deadlines of which nearly none is ever reached, looked at by one timer: a timer of its own for every request costs more than all
 * the rest of waiting for its body.
 */
import { LiveSet } from "./live-set.ts";

/** How late a deadline may be noticed. */
const LOOK_MS = 50;

interface Deadline {
  readonly at: number;
  readonly reached: () => void;
}

export class Deadlines {
  readonly #open = new LiveSet<Deadline>();
  #timer: Timer | null = null;

  /** Calls `reached` once `performance.now()` has passed `at`, unless the returned function was called before. */
  add(at: number, reached: () => void): () => void {
    const slot = this.#open.add({ at, reached });
    this.#timer ??= setInterval(() => this.#look(), LOOK_MS);
    return () => this.#open.delete(slot);
  }

  #look(): void {
    const now = performance.now();
    for (const slot of this.#open) {
      if (slot.member.at > now) continue;
      this.#open.delete(slot);
      slot.member.reached();
    }
    if (this.#open.size > 0 || this.#timer === null) return;
    clearInterval(this.#timer);
    this.#timer = null;
  }
}
