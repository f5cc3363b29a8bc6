import { edenGC } from "bun:jsc";
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { LiveSet, NO_PLACE, type LiveMember } from "../../src/lib/live-set.ts";

interface Named extends LiveMember {
  readonly name: number;
}

const named = (name: number): Named => ({ name, place: NO_PLACE });

describe("a live set", () => {
  test("holds what a Set holds, after any adding and deleting", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(20), { maxLength: 200 }), (toggles) => {
        const members = Array.from({ length: 21 }, (_, name) => named(name));
        const set = new LiveSet<Named>();
        const model = new Set<Named>();
        for (const name of toggles) {
          const member = members[name] ?? named(name);
          if (model.delete(member)) set.delete(member);
          else {
            model.add(member);
            set.add(member);
          }
          expect(set.size).toBe(model.size);
          expect(new Set(set)).toEqual(model);
        }
      }),
    );
  });

  test("passes over what is deleted twice, or was never in it", () => {
    const set = new LiveSet<Named>();
    const [first, second] = [named(1), named(2)];
    set.add(first);
    set.add(second);
    set.delete(first);
    set.delete(first);
    set.delete(named(3));
    expect([...set]).toEqual([second]);
  });

  test("does not visit members that leave while it is walked", () => {
    const set = new LiveSet<Named>();
    const members = [named(0), named(1), named(2), named(3)];
    for (const member of members) set.add(member);
    const visited: number[] = [];
    for (const { name } of set) {
      visited.push(name);
      for (const other of members) if (other.name > 1) set.delete(other);
    }
    expect(visited).toEqual([0, 1]);
  });

  test("lets go of what left it: collections of the young find nearly all of it dead", async () => {
    const set = new LiveSet<Named>();
    const underWay: Named[] = [];
    const seen: WeakRef<Named>[] = [];
    for (let name = 0; name < 2000; name++) {
      const member = named(name);
      seen.push(new WeakRef(member));
      set.add(member);
      underWay.push(member);
      if (underWay.length > 4) set.delete(underWay.shift() ?? member);
      // A WeakRef holds its target to the end of the turn in which it was made.
      if (name % 20 === 0) await new Promise(setImmediate);
      if (name % 200 === 100) edenGC();
    }
    await new Promise(setImmediate);
    edenGC();
    // With a Set in its place 660 are found, with this one some 40.
    expect(seen.filter((each) => each.deref() !== undefined).length).toBeLessThan(300);
  });
});
