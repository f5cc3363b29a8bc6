/** What a request costs at saturation: CPU time of the arm per request, small and large bodies. */
import { CHAT, inTurns, measureLoad, REQUEST_METRICS, requestValues } from "./measure.ts";
import type { Metric, Suite } from "./suite.ts";

const METRICS: readonly Metric[] = [
  ...REQUEST_METRICS,
  { key: "opened", title: "connections opened", unit: "", digits: 0 },
];

interface Shape {
  readonly name: string;
  readonly title: string;
  readonly bodyBytes: number;
  readonly answerBytes: number;
  readonly connections: number;
}

function requestSuite({ name, title, bodyBytes, answerBytes, connections }: Shape): Suite {
  return {
    name,
    title,
    about: `${connections} connections that send their next request when they have their answer; the arm has one core for itself.`,
    metrics: METRICS,
    spread: true,
    async run(bench, record) {
      await inTurns(bench, await bench.arms(), async (arm) => {
        const measured = await measureLoad(bench, arm, {
          ...CHAT,
          connections,
          bodyBytes,
          behaviour: { kind: "answer", bytes: answerBytes },
          requestsPerSecond: "closed",
        });
        record(arm.name, { ...requestValues(measured), opened: measured.opened });
      });
    },
  };
}

export const REQUEST_SUITES: readonly Suite[] = [
  { name: "small", title: "Small request, 200 B answer", bodyBytes: 400, answerBytes: 200, connections: 64 },
  { name: "2k", title: "1 KB request, 2 KB answer", bodyBytes: 1024, answerBytes: 2048, connections: 64 },
  { name: "32k", title: "32 KB chat body, 2 KB answer", bodyBytes: 32_768, answerBytes: 2048, connections: 64 },
  { name: "220k", title: "220 KB chat body, 2 KB answer", bodyBytes: 220_000, answerBytes: 2048, connections: 32 },
  { name: "16m", title: "16 MB chat body, 2 KB answer", bodyBytes: 16_000_000, answerBytes: 2048, connections: 4 },
].map(requestSuite);
