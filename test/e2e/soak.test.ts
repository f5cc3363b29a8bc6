/** The soak of bench/soak in small: every byte under load and chaos, at every change. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { soak } from "../../bench/soak/soak.ts";

setDefaultTimeout(30_000);

const SMALL = { seconds: 6, streams: 60, engines: 4, tokens: { min: 5, max: 40 }, seed: 1, restMs: 0 };

test("60 streams: every answer is exact, every request counted, nothing left behind", async () => {
  const report = await soak({ ...SMALL, seconds: 2, chaos: false });
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
  expect(report.workerCrash).not.toBeNull();
  expect(report.leftOnEngines).toBe(0);
});
