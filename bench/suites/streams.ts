/** What a streamed event costs, and how much older it is when it has passed the arm. */
import { CHAT, inTurns, measureLoad } from "./measure.ts";
import type { Metric, Suite } from "./suite.ts";

const METRICS: readonly Metric[] = [
  { key: "cpuUs", title: "CPU per event", unit: "µs", digits: 1, main: true },
  { key: "perSecond", title: "events per second", unit: "/s", digits: 0 },
  { key: "ageP50Ms", title: "age p50", unit: "ms", digits: 3 },
  { key: "ageP99Ms", title: "age p99", unit: "ms", digits: 2 },
  { key: "rssMb", title: "memory", unit: "MB", digits: 0 },
  { key: "failures", title: "failures", unit: "", digits: 0 },
];

interface Shape {
  readonly name: string;
  readonly title: string;
  readonly streams: number;
  readonly events: number;
  readonly everyMs: number;
}

const EVENT_BYTES = 200;

function streamSuite({ name, title, streams, events, everyMs }: Shape): Suite {
  const pace = everyMs === 0 ? "as fast as they are taken" : `one each ${everyMs} ms in each stream`;
  return {
    name,
    title,
    about: `${streams} streams of ${EVENT_BYTES} B events, ${pace}. An event's age runs from the engine's stamp in it to its arrival.`,
    metrics: METRICS,
    spread: true,
    async run(bench, record) {
      await inTurns(bench, await bench.arms(), async (arm) => {
        const { result, cpuPerSecond, rssMb } = await measureLoad(bench, arm, {
          ...CHAT,
          connections: streams,
          rampPerMs: 4,
          spins: everyMs > 0,
          bodyBytes: 1024,
          behaviour: { kind: "stream", events, everyMs, bytes: EVENT_BYTES },
          requestsPerSecond: "closed",
        });
        const perSecond = result.events / result.seconds;
        record(arm.name, {
          cpuUs: cpuPerSecond / perSecond,
          perSecond,
          ageP50Ms: result.eventAge.p50 / 1000,
          ageP99Ms: result.eventAge.p99 / 1000,
          rssMb,
          failures: result.failures,
        });
      });
    },
  };
}

export const STREAM_SUITES: readonly Suite[] = [
  { name: "sse10k", title: "Streams, 10,000 events/s", streams: 200, events: 100, everyMs: 20 },
  { name: "sse50k", title: "Streams, 50,000 events/s", streams: 1000, events: 250, everyMs: 20 },
  { name: "sse-max", title: "Streams at saturation", streams: 32, events: 2000, everyMs: 0 },
].map(streamSuite);
