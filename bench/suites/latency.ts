/** What an arm adds to the time of a request when it is not busy. */
import { CHAT, inTurns, measureLoad } from "./measure.ts";
import type { Suite } from "./suite.ts";

export const latency: Suite = {
  name: "latency",
  title: "Latency at 1,500 requests/s",
  about:
    "Open loop: starts are drawn beforehand (Poisson), and a request that finds all 64 connections taken waits on the clock. 1 KB requests, 2 KB answers.",
  metrics: [
    { key: "p50Ms", title: "p50", unit: "ms", digits: 3, main: true },
    { key: "p90Ms", title: "p90", unit: "ms", digits: 3 },
    { key: "p99Ms", title: "p99", unit: "ms", digits: 2 },
    { key: "p999Ms", title: "p99.9", unit: "ms", digits: 2 },
    { key: "cpuUs", title: "CPU per request", unit: "µs", digits: 1 },
    { key: "lagP99Ms", title: "generator's own lag p99", unit: "ms", digits: 2 },
    { key: "failures", title: "failures", unit: "", digits: 0 },
  ],
  spread: true,
  async run(bench, record) {
    await inTurns(bench, await bench.arms(), async (arm) => {
      const { result, cpuPerSecond } = await measureLoad(bench, arm, {
        ...CHAT,
        connections: 64,
        bodyBytes: 1024,
        behaviour: { kind: "answer", bytes: 2048 },
        requestsPerSecond: 1500,
        spins: true,
      });
      const { latency: times, lag, requests, seconds, failures } = result;
      record(arm.name, {
        p50Ms: times.p50 / 1000,
        p90Ms: times.p90 / 1000,
        p99Ms: times.p99 / 1000,
        p999Ms: times.p999 / 1000,
        cpuUs: (cpuPerSecond * seconds) / requests,
        lagP99Ms: lag.p99 / 1000,
        failures,
      });
    });
  },
};
