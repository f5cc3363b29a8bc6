/** A load that fades linearly to nothing, such as the penalty of a failure. Evaluated when asked; there are no timers. */
export class Fading {
  readonly #durationMs: number;
  #value = 0;
  #since = -Infinity;

  constructor(durationMs: number) {
    this.#durationMs = durationMs;
  }

  /** From then on it is exactly nothing. */
  get endsAt(): number {
    return this.#value > 0 ? this.#since + this.#durationMs : -Infinity;
  }

  at(now: number): number {
    const left = this.endsAt - now;
    return left > 0 ? this.#value * Math.min(1, left / this.#durationMs) : 0;
  }

  /** On top of what is left; all of it fades anew from now on. */
  add(value: number, now: number): void {
    this.set(this.at(now) + value, now);
  }

  set(value: number, now: number): void {
    this.#value = value;
    this.#since = now;
  }
}
