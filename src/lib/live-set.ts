/**
 * The objects that are under way, in no order: what is added a thousand times a second and soon taken out again. A `Set` makes a new table
 * of itself all the time, and each table that a garbage collection of the young has promoted keeps the next one, and all that was in
 * it, until the next full collection: half of all requests lived on that long, in place of the few under way.
 */

export interface LiveMember {
  /** Where the set has it; below 0 outside. Only the set writes it. One object can be in one set. */
  place: number;
}

/** Of an object that is in no set. */
export const NO_PLACE = -1;

export class LiveSet<T extends LiveMember> {
  readonly #members: T[] = [];

  get size(): number {
    return this.#members.length;
  }

  add(member: T): void {
    member.place = this.#members.length;
    this.#members.push(member);
  }

  /** What is not in the set is passed over. */
  delete(member: T): void {
    const { place } = member;
    if (place < 0) return;
    member.place = NO_PLACE;
    const last = this.#members.pop();
    if (last === undefined || last === member) return;
    this.#members[place] = last;
    last.place = place;
  }

  /** Those that are in it at the beginning, without any that leave meanwhile. */
  *[Symbol.iterator](): Generator<T> {
    for (const member of this.#members.slice()) if (member.place >= 0) yield member;
  }
}
