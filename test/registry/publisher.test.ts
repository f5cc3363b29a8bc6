import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { instanceId, type InstanceId } from "../../src/fleet/instance.ts";
import type { FleetReports, FleetSnapshot } from "../../src/fleet/snapshot.ts";
import { EntryTable } from "../../src/registry/entry-table.ts";
import { Publisher } from "../../src/registry/publisher.ts";
import { emptyState, type RegistryState, reportsOf, snapshotOf } from "../../src/registry/state.ts";
import { entryOf, FakeClock } from "./support/fixture.ts";

const IDS = [0, 1, 2].map(idAt);
const RULES = { maxInstances: 9, leaseMs: 1, closedLeaseMs: 1, failureThreshold: 1, successThreshold: 1 };

/** A publisher on a state that the test changes, and all that its listeners were told. */
class Setting {
  readonly clock = new FakeClock();
  readonly told: (FleetSnapshot | FleetReports)[] = [];
  state: RegistryState = { ...emptyState(RULES), entries: EntryTable.EMPTY };
  readonly publisher = new Publisher({
    snapshot: () => snapshotOf(this.state, this.clock.now),
    reports: (ids) => reportsOf(this.state, ids, this.clock.now),
    now: () => this.clock.now,
    timers: this.clock,
  });

  constructor() {
    this.publisher.onSnapshot((snapshot) => this.told.push(snapshot));
    this.publisher.onReports((reports) => this.told.push(reports));
  }

  join(id: InstanceId): void {
    this.#put(entryOf(id, {}));
    this.publisher.changed();
  }

  report(id: InstanceId, running: number): void {
    const entry = this.state.entries.get(id);
    if (entry === undefined) return;
    const figures = { running, waiting: 0, kvUsage: 0 };
    this.#put({ ...entry, report: { figures, at: this.clock.now, scraped: false } });
    this.publisher.reported([id]);
  }

  #put(entry: ReturnType<typeof entryOf>): void {
    this.state = { ...this.state, version: this.state.version + 1, entries: this.state.entries.put(entry) };
  }
}

function idAt(index: number): InstanceId {
  return instanceId("http", `10.0.0.${index + 1}`, 80);
}

/** What a worker thread knows after all that it was told, version by version. */
function follow(told: Setting["told"]): ReadonlyMap<InstanceId, number | null> {
  let known = new Map<InstanceId, number | null>();
  let version = 0;
  for (const update of told) {
    if (update.version <= version) continue;
    version = update.version;
    if ("members" in update)
      known = new Map(update.members.map(({ instance, report }) => [instance.id, report?.running ?? null]));
    else for (const [id, report] of update.reports) known.set(id, report.running);
  }
  return known;
}

test("figures of many reports are told together, alone, and with their ages", async () => {
  const setting = new Setting();
  for (const id of IDS) setting.join(id);
  await setting.clock.advance(50);
  setting.told.length = 0;
  for (let count = 1; count <= 100; count++) setting.report(idAt(count % 2), count);
  await setting.clock.advance(1000);
  const [first = { version: 0 }, ...others] = setting.told;
  expect(others).toEqual([]);
  expect("reports" in first ? first.reports.map(([id, { running, ageMs }]) => [id, running, ageMs]) : null).toEqual([
    [idAt(1), 99, 250],
    [idAt(0), 100, 250],
  ]);
});

test("a snapshot takes the figures with it that were still to be told", async () => {
  const setting = new Setting();
  setting.join(idAt(0));
  await setting.clock.advance(100);
  setting.report(idAt(0), 7);
  setting.join(idAt(1));
  await setting.clock.advance(1000);
  expect(setting.told.map((update) => "members" in update)).toEqual([true, true]);
  expect(follow(setting.told).get(idAt(0))).toBe(7);
});

test("who follows all that is told knows the fleet, whatever happens in whatever order", async () => {
  const step = fc.record({
    what: fc.constantFrom("join", "report", "await"),
    id: fc.constantFrom(...IDS),
    running: fc.nat(9),
    afterMs: fc.constantFrom(0, 1, 30, 49, 50, 200, 249, 250),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
      const setting = new Setting();
      for (const { what, id, running, afterMs } of steps) {
        if (what === "join") setting.join(id);
        else if (what === "report") setting.report(id, running);
        else void setting.publisher.published();
        await setting.clock.advance(afterMs);
      }
      await setting.clock.advance(1000);
      const truth = [...setting.state.entries.values()].map(({ instance, report }) => [
        instance.id,
        report?.figures.running ?? null,
      ]);
      expect(Object.fromEntries(follow(setting.told))).toEqual(Object.fromEntries(truth));
      const versions = setting.told.map(({ version }) => version);
      expect(versions).toEqual(versions.toSorted((a, b) => a - b));
    }),
    { numRuns: 200, seed: 3 },
  );
});
