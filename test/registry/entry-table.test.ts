import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { instanceId, type InstanceId } from "../../src/fleet/instance.ts";
import { EntryTable } from "../../src/registry/entry-table.ts";
import type { Entry } from "../../src/registry/entry.ts";
import { entryOf } from "./support/fixture.ts";

const IDS = Array.from({ length: 600 }, (_, i) => instanceId("http", `10.0.${i % 7}.${1 + (i % 250)}`, 8000 + i));

function ids(table: EntryTable): InstanceId[] {
  return [...table.values()].map(({ instance }) => instance.id);
}

test("a table holds what a Map would hold, and an older table stays as it was", () => {
  const step = fc.record({ id: fc.constantFrom(...IDS), failures: fc.nat(3), drop: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
      const expected = new Map<InstanceId, Entry>();
      let table = EntryTable.EMPTY;
      for (const { id, failures, drop } of steps) {
        const before = { table, text: JSON.stringify([...table.values()]), size: table.size };
        const entry = entryOf(id, { failures });
        if (drop) expected.delete(id);
        else expected.set(id, entry);
        table = drop ? table.without(id) : table.put(entry);
        expect([JSON.stringify([...before.table.values()]), before.table.size]).toEqual([before.text, before.size]);
      }
      expect(table.size).toBe(expected.size);
      expect(ids(table).toSorted()).toEqual([...expected.keys()].toSorted());
      for (const id of IDS) expect([table.get(id), table.has(id)]).toEqual([expected.get(id), expected.has(id)]);
    }),
    { numRuns: 100, seed: 1 },
  );
});

test("the order is the same whatever came first", () => {
  const build = (list: readonly InstanceId[]): EntryTable =>
    list.reduce((table, id) => table.put(entryOf(id, {})), EntryTable.EMPTY);
  const inSameBucketOnce = IDS.slice(0, 40);
  const table = build(inSameBucketOnce);
  const touched = inSameBucketOnce.toReversed().reduce((t, id) => t.put(entryOf(id, { failures: 1 })), table);
  expect(ids(touched)).toEqual(ids(table));
});
