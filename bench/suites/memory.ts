/** What the router and its rivals keep in memory: without load, and for each stream that is open and silent. */
import type { Arm } from "../arms/arm.ts";
import { startRouter } from "../arms/ours.ts";
import { endProcess } from "../arms/pinned-process.ts";
import { usageOf } from "../load/process-usage.ts";
import { CHAT } from "./measure.ts";
import type { Bench, Suite } from "./suite.ts";
import { warmUp } from "./warm-up.ts";

/** Memory that a load of requests leaves behind is there before the streams come. */
const SETTLE_MS = 1500;
const ONE_SECOND = { requests: Infinity, limitMs: 1000 };

export const idle: Suite = {
  name: "idle",
  title: "Idle streams",
  about:
    "Streams that are open and get an event each 10 s, on a freshly started arm that was warm before; growth of its resident memory by stream. The kernel's socket buffers are not in it.",
  metrics: [
    { key: "kbPerStream", title: "memory per stream, most streams", unit: "KB", digits: 1, main: true },
    { key: "kb1000", title: "at 1,000", unit: "KB", digits: 1 },
    { key: "kb5000", title: "at 5,000", unit: "KB", digits: 1 },
    { key: "kb9000", title: "at 9,000", unit: "KB", digits: 1 },
    { key: "baseMb", title: "before", unit: "MB", digits: 0 },
    { key: "cpuMsPerSecond", title: "CPU while idle", unit: "ms/s", digits: 0 },
    { key: "failures", title: "failures", unit: "", digits: 0 },
  ],
  async run(bench, record) {
    const arms = bench.armTable.filter(({ name, fixedPort }) => name !== "direct" && fixedPort !== true);
    for (const { name, fixedPort } of bench.armTable) {
      if (fixedPort === true) bench.skip(`${name} in idle: it is started anew there, and its port may be taken`);
    }
    const sizes = bench.quick ? [1000] : [1000, 5000, 9000];
    for (let round = 1; round <= Math.min(bench.rounds, bench.quick ? 1 : 3); round++) {
      for (const arm of arms) {
        const values: Record<string, number> = {};
        for (const streams of sizes) {
          bench.progress(`round ${round}  ${arm.name}  ${streams} streams`);
          const held = await hold(bench, arm, streams);
          values[`kb${streams}`] = held.kbPerStream;
          Object.assign(values, held);
        }
        record(arm.name, values);
      }
    }
  },
};

async function hold(
  bench: Bench,
  arm: Arm,
  streams: number,
): Promise<Record<string, number> & { kbPerStream: number }> {
  const running = await arm.start(bench.setting);
  const { child, port } = running;
  if (child === null) throw new Error(`${arm.name} has no process whose memory could be read`);
  try {
    await warmUp(bench.load, running, ONE_SECOND);
    await Bun.sleep(SETTLE_MS);
    const before = usageOf(child.pid);
    let cpuNs = 0;
    let rssKb = 0;
    const result = await bench.load.run(
      {
        ...CHAT,
        host: "127.0.0.1",
        port,
        connections: streams,
        rampPerMs: 2,
        bodyBytes: 1024,
        behaviour: { kind: "stream", events: 1000, everyMs: 10_000, bytes: 200 },
        requestsPerSecond: "closed",
        warmUpMs: SETTLE_MS,
        durationMs: 2000,
      },
      {
        begin: () => {
          cpuNs = usageOf(child.pid).cpuNs;
        },
        end: () => {
          const now = usageOf(child.pid);
          cpuNs = now.cpuNs - cpuNs;
          rssKb = now.rssKb;
        },
      },
    );
    return {
      kbPerStream: (rssKb - before.rssKb) / streams,
      baseMb: before.rssKb / 1024,
      cpuMsPerSecond: cpuNs / 1e6 / result.seconds,
      failures: result.failures,
    };
  } finally {
    await endProcess(child);
  }
}

export const base: Suite = {
  name: "base",
  title: "Memory of the router itself",
  about:
    "Resident memory of the compiled binary with its instances ready: without load, then after a second of requests.",
  metrics: [
    { key: "rssMb", title: "memory, no load", unit: "MB", digits: 0, main: true },
    { key: "usedMb", title: "after load", unit: "MB", digits: 0 },
  ],
  async run(bench, record) {
    for (let round = 1; round <= bench.rounds; round++) {
      for (const workers of [1, 2, 4]) {
        bench.progress(`round ${round}  ${workers} workers`);
        const running = await startRouter({ ...bench.setting, cores: bench.allCores }, { workers });
        if (running.child === null) continue;
        await Bun.sleep(300);
        const rssMb = usageOf(running.child.pid).rssKb / 1024;
        await warmUp(bench.load, running, ONE_SECOND);
        const usedMb = usageOf(running.child.pid).rssKb / 1024;
        record(`fd-router, ${workers} ${workers === 1 ? "worker" : "workers"}`, { rssMb, usedMb });
        await endProcess(running.child);
      }
    }
  },
};
