/**
 * The objects that are under way, in no order: what is added a thousand times a second and soon taken out again. A `Set` makes a new table
 * of itself all the time, and each table that a garbage collection of the young has promoted keeps the next one, and all that was in
 * it, until the next full collection: a quarter of all requests lived on that long, in place of the few under way.
 */

/** A membership: what `add` returns and `delete` takes. */
export interface Slot<T> {
  readonly member: T;
  /** Where the set has it; below 0 once it is out. Only the set writes it. */
  place: number;
}

export class LiveSet<T> {
  readonly #slots: Slot<T>[] = [];

  get size(): number {
    return this.#slots.length;
  }

  add(member: T): Slot<T> {
    const slot = { member, place: this.#slots.length };
    this.#slots.push(slot);
    return slot;
  }

  /** What is out already is passed over. */
  delete(slot: Slot<T>): void {
    const { place } = slot;
    if (place < 0) return;
    slot.place = -1;
    const last = this.#slots.pop();
    if (last === undefined || last === slot) return;
    this.#slots[place] = last;
    last.place = place;
  }

  /** Those that are in it at the beginning, without any that leave meanwhile. */
  *[Symbol.iterator](): Generator<Slot<T>> {
    for (const slot of this.#slots.slice()) if (slot.place >= 0) yield slot;
  }
}
