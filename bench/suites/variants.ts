/** The router against itself: more worker threads, more instances, prefill/decode pairs. */
import { fleetFile, type RouterVariant, startRouter } from "../arms/ours.ts";
import { endProcess } from "../arms/pinned-process.ts";
import type { RunningArm } from "../arms/arm.ts";
import { CHAT, inTurns, type LoadShape, measureLoad, REQUEST_METRICS, requestValues } from "./measure.ts";
import type { Bench, Recorder, Suite } from "./suite.ts";
import { warmUp } from "./warm-up.ts";

const SMALL: LoadShape = {
  ...CHAT,
  connections: 64,
  bodyBytes: 400,
  behaviour: { kind: "answer", bytes: 200 },
  requestsPerSecond: "closed",
};

export const workers: Suite = {
  name: "workers",
  title: "Worker threads",
  about:
    "The router may use all cores, beside engine and generator: on a small machine read the CPU per request, not the rate.",
  metrics: REQUEST_METRICS,
  async run(bench, record) {
    const variants = [1, 2, 4].map((count) => ({
      workers: count,
      name: `fd-router, ${count} worker${count > 1 ? "s" : ""}`,
    }));
    await compare({ ...bench, setting: { ...bench.setting, cores: bench.allCores } }, record, variants, SMALL);
  },
};

export const fleet: Suite = {
  name: "fleet",
  title: "Size of the fleet",
  about:
    "The same load on 16 to 4,000 instances, all of them probed meanwhile; addresses 127.x.y.z of one engine stand for them.",
  metrics: REQUEST_METRICS,
  async run(bench, record) {
    const variants = [16, 256, 1024, 4000].map((count) => ({
      workers: 1,
      name: `fd-router, ${count} instances`,
      fleet: fleetFile(addresses(count, bench.setting.enginePorts[0] ?? 0)),
    }));
    await compare(bench, record, variants, SMALL);
  },
};

export const pairs: Suite = {
  name: "pd",
  title: "Prefill/decode pairs, 32 KB chat body",
  about:
    "Each request goes to a prefill and a decode instance, with the pair's fields spliced into its body; beside it the same request to one instance.",
  metrics: REQUEST_METRICS,
  async run(bench, record) {
    const [prefill = 0, decode = 0] = bench.setting.enginePorts;
    const roles = { prefill: [["127.0.0.1", prefill]], decode: [["127.0.0.1", decode]] } as const;
    const text = fleetFile(roles.prefill, "prefill") + fleetFile(roles.decode, "decode").replace("instances:\n", "");
    const variants: RouterVariant[] = [
      { workers: 1, name: "fd-router, one instance" },
      { workers: 1, name: "fd-router, pair", fleet: text, flags: ["--splitwise"] },
    ];
    await compare(bench, record, variants, { ...SMALL, bodyBytes: 32_768, behaviour: { kind: "answer", bytes: 2048 } });
  },
};

async function compare(
  bench: Bench,
  record: Recorder,
  variants: readonly RouterVariant[],
  shape: LoadShape,
): Promise<void> {
  const running: RunningArm[] = [];
  try {
    for (const variant of variants) {
      bench.progress(`warming up ${variant.name ?? ""}`);
      const started = await startRouter(bench.setting, variant);
      running.push(started);
      await warmUp(bench.load, started, { requests: 20_000, limitMs: 10_000 });
    }
    await inTurns(bench, running, async (arm) => {
      record(arm.name, requestValues(await measureLoad(bench, arm, shape)));
    });
  } finally {
    for (const { child } of running) if (child !== null) await endProcess(child);
  }
}

/** Loopback addresses of one port, as many as are wanted. */
export function addresses(count: number, port: number): (readonly [host: string, port: number])[] {
  return Array.from({ length: count }, (_, i) => [`127.1.${Math.floor(i / 250)}.${1 + (i % 250)}`, port] as const);
}
