import { edenGC } from "bun:jsc";
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { LiveSet, type Slot } from "../../src/lib/live-set.ts";

const membersOf = <T>(set: LiveSet<T>): T[] => [...set].map(({ member }) => member);

describe("a live set", () => {
  test("holds what a Set holds, after any adding and deleting", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(20), { maxLength: 200 }), (toggles) => {
        const set = new LiveSet<number>();
        const model = new Map<number, Slot<number>>();
        for (const member of toggles) {
          const slot = model.get(member);
          if (slot === undefined) model.set(member, set.add(member));
          else {
            set.delete(slot);
            model.delete(member);
          }
          expect(set.size).toBe(model.size);
          expect(new Set(membersOf(set))).toEqual(new Set(model.keys()));
        }
      }),
    );
  });

  test("passes over a slot that is deleted twice", () => {
    const set = new LiveSet<string>();
    const first = set.add("first");
    set.add("second");
    set.delete(first);
    set.delete(first);
    expect(membersOf(set)).toEqual(["second"]);
  });

  test("does not visit members that leave while it is walked", () => {
    const set = new LiveSet<number>();
    const slots = [0, 1, 2, 3].map((member) => set.add(member));
    const visited: number[] = [];
    for (const { member } of set) {
      visited.push(member);
      for (const other of slots) if (other.member > 1) set.delete(other);
    }
    expect(visited).toEqual([0, 1]);
  });

  test("lets go of what left it: collections of the young find nearly all of it dead", async () => {
    const set = new LiveSet<object>();
    const underWay: Slot<object>[] = [];
    const seen: WeakRef<object>[] = [];
    for (let name = 0; name < 2000; name++) {
      const member = { name };
      seen.push(new WeakRef(member));
      underWay.push(set.add(member));
      if (underWay.length > 4) for (const slot of underWay.splice(0, 1)) set.delete(slot);
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
