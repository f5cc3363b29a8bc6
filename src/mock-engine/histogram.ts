/** A Prometheus histogram with fixed bounds, as the real engine exposes them. */

export class Histogram {
  readonly bounds: readonly number[];
  /** One more than bounds: the last is +Inf. Not cumulative. */
  readonly #counts: number[];
  #sum = 0;
  #count = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.#counts = Array.from({ length: bounds.length + 1 }, () => 0);
  }

  observe(value: number): void {
    let i = 0;
    for (const bound of this.bounds) {
      if (value <= bound) break;
      i++;
    }
    this.#counts[i] = (this.#counts[i] ?? 0) + 1;
    this.#sum += value;
    this.#count++;
  }

  lines(name: string): string {
    let text = "";
    let cumulative = 0;
    this.#counts.forEach((count, i) => {
      cumulative += count;
      const bound = this.bounds[i];
      const le = bound === undefined ? "+Inf" : sample(bound);
      text += `${name}_bucket{le="${le}"} ${sample(cumulative)}\n`;
    });
    return `${text}${name}_count ${sample(this.#count)}\n${name}_sum ${sample(this.#sum)}\n`;
  }
}

/** Floats as Python prints them: whole numbers keep one decimal. */
export function sample(value: number): string {
  return Number.isInteger(value) ? value.toFixed(1) : String(value);
}
