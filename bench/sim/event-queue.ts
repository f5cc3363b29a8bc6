/** What happens next in simulated time: a binary heap of callbacks by time; equal times in the order they were added. */
interface Scheduled {
  readonly at: number;
  readonly order: number;
  readonly happen: (now: number) => void;
}

export class EventQueue {
  readonly #heap: Scheduled[] = [];
  #order = 0;

  add(at: number, happen: (now: number) => void): void {
    const heap = this.#heap;
    const added: Scheduled = { at, order: this.#order++, happen };
    let place = heap.length;
    heap.push(added);
    while (place > 0) {
      const parent = (place - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || !isBefore(added, above)) break;
      heap[place] = above;
      place = parent;
    }
    heap[place] = added;
  }

  /** Runs everything up to and including `until`, what is added meanwhile too. */
  runUntil(until: number): void {
    for (let next = this.#heap[0]; next !== undefined && next.at <= until; next = this.#heap[0]) {
      this.#removeFirst();
      next.happen(next.at);
    }
  }

  #removeFirst(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let place = 0;
    for (;;) {
      const left = heap[2 * place + 1];
      const right = heap[2 * place + 2];
      if (left === undefined) break;
      const isRight = right !== undefined && isBefore(right, left);
      const child = isRight ? right : left;
      if (!isBefore(child, last)) break;
      heap[place] = child;
      place = 2 * place + (isRight ? 2 : 1);
    }
    heap[place] = last;
  }
}

function isBefore(a: Scheduled, b: Scheduled): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
