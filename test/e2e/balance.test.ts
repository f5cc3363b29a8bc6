/** Who gets the requests. X-Router-Instance tells. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { Fleet } from "../support/fleet.ts";
import { shares } from "../support/shares.ts";

setDefaultTimeout(30_000);

test("equal engines get equal shares under load", async () => {
  await using fleet = await Fleet.start();
  for (let i = 0; i < 4; i++) await fleet.engine({ timeScale: 20 });
  const counts = [...(await shares(fleet, 32, 12)).values()];
  expect(counts).toHaveLength(4);
  // 96 each on average.
  for (const count of counts) expect(Math.abs(count - 96)).toBeLessThan(40);
});

test("one client on one connection reaches all engines", async () => {
  await using fleet = await Fleet.start({ env: { FD_ROUTER_SCHEDULER_POLICY: "round_robin" } });
  for (let i = 0; i < 4; i++) await fleet.engine();
  expect([...(await shares(fleet, 1, 40)).values()]).toEqual([10, 10, 10, 10]);
});

// Engines slow enough that the machine of the tests is not what their speed depends on.
test("an engine that is ten times slower gets clearly less", async () => {
  await using fleet = await Fleet.start();
  const slow = await fleet.engine({ timeScale: 0.1 });
  await Promise.all([1, 2, 3].map(() => fleet.engine({ timeScale: 1 })));
  const byInstance = await shares(fleet, 16, 6);
  expect(byInstance.get(slow.url) ?? 0).toBeLessThan(16); // of 96
});

test("an instance of weight 3 gets more than one of weight 1", async () => {
  await using fleet = await Fleet.start();
  const flags = ["--registration", `127.0.0.1:${fleet.registrationPort}`, "--router", "", "--time-scale", "2"];
  const [light, heavy] = await Promise.all([
    fleet.engineProcess(...flags, "--weight", "1"),
    fleet.engineProcess(...flags, "--weight", "3"),
  ]);
  const byInstance = await shares(fleet, 24, 6);
  expect(byInstance.get(heavy.id) ?? 0).toBeGreaterThan(1.3 * (byInstance.get(light.id) ?? 0));
});

test("an engine that joins gets its share, one that fails is avoided", async () => {
  await using fleet = await Fleet.start();
  const failing = await fleet.engine();
  await fleet.engine();
  failing.server.faults.set({ kind: "fail", status: 503 });
  const counts = { failed: 0, answered: 0 };
  for (let i = 0; i < 100; i++) {
    const { status } = await fleet.chat({ messages: [{ role: "user", content: "x" }], max_tokens: 5 });
    counts[status === 200 ? "answered" : "failed"]++;
  }
  expect(counts.failed).toBeLessThan(20);
});
