/** The soak of bench/soak in small: every byte under load and chaos, at every change. */
import { expect, test } from "bun:test";
import { soak } from "../../bench/soak/soak.ts";

const SMALL = { seconds: 6, streams: 60, engines: 4, tokens: { min: 5, max: 60 }, seed: 1 };

test("60 streams for 6 s: every answer is exact, every request counted, nothing left behind", async () => {
  const report = await soak({ ...SMALL, seconds: 4, chaos: false });
  expect(report.unexplained).toEqual([]);
  expect(report.exact).toBe(report.sent);
  expect(report.counted).toBe(report.sent);
  expect(report.leftOnEngines).toBe(0);
});

test("with clients leaving, an engine killed and a worker crashed, only the requests on those are affected", async () => {
  const report = await soak({ ...SMALL, chaos: true });
  expect(report.unexplained).toEqual([]);
  expect(report.left).toBeGreaterThan(0);
  expect(report.onKilledEngine.length).toBeGreaterThan(0);
  expect(report.survivedCrash).toBeGreaterThan(0);
  expect(report.workerCrash?.recoveredMs).toBeLessThan(1000);
  expect(report.leftOnEngines).toBe(0);
});
