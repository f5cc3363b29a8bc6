/**
 * What a request or an event costs, beside another program under the same load at the same time on the same core. What slows the machine's
 * memory for seconds or minutes slows both alike: such ratios mostly agree to a few percent, where those of programs in turn move by a fifth.
 */
import type { RunningArm } from "../arms/arm.ts";
import { CHAT, type LoadShape, measureLoad } from "./measure.ts";
import type { Bench, Suite, Values } from "./suite.ts";

interface Case {
  readonly name: string;
  /** Programs that others are held against, where they take part. */
  readonly references: readonly string[];
  readonly counts: "requests" | "events";
  readonly shape: LoadShape;
}

const CLOSED = { ...CHAT, requestsPerSecond: "closed" } as const;

function requests(name: string, bodyBytes: number, answerBytes: number, references = ["nginx"]): Case {
  const connections = bodyBytes > 100_000 ? 32 : 64;
  const shape: LoadShape = { ...CLOSED, connections, bodyBytes, behaviour: { kind: "answer", bytes: answerBytes } };
  return { name, references, counts: "requests", shape };
}

/** More than 10,000 events a second would be more than two programs can relay on one core. */
const EVENTS: LoadShape = {
  ...CLOSED,
  connections: 200,
  rampPerMs: 4,
  bodyBytes: 1024,
  behaviour: { kind: "stream", events: 100, everyMs: 20, bytes: 200 },
};

const CASES: readonly Case[] = [
  requests("small", 400, 200, ["nginx", "go"]),
  requests("2k", 1024, 2048),
  requests("32k", 32_768, 2048),
  requests("220k", 220_000, 2048),
  { name: "sse10k", references: ["nginx", "haproxy", "go"], counts: "events", shape: EVENTS },
];
/** One of them is enough. */
const BETTER_OF = ["nginx", "haproxy"];
const REFERENCES = new Set(CASES.flatMap(({ references }) => references));

export const beside: Suite = {
  name: "beside",
  title: "CPU time, of another program's at the same time",
  about:
    "Two programs at a time share the core and get the same load, as in the suite that is named. One core does less for each than if it were alone, and both feel that.",
  metrics: [
    { key: "ofNginx", title: "of nginx's", unit: "×", digits: 2, main: true },
    { key: "ofHaproxy", title: "of HAProxy's", unit: "×", digits: 2 },
    { key: "ofBetter", title: "of the better's", unit: "×", digits: 2 },
    { key: "ofGo", title: "of the Go router's", unit: "×", digits: 3 },
    { key: "failures", title: "failures", unit: "", digits: 0 },
  ],
  spread: true,
  async run(bench, record) {
    const arms = await bench.arms();
    const subjects = arms.filter(({ name, child }) => child !== null && !REFERENCES.has(name));
    for (let round = 1; round <= bench.rounds; round++) {
      for (const each of CASES) {
        for (const subject of subjects) {
          const references = arms.filter(({ name }) => each.references.includes(name));
          if (references.length === 0) continue;
          record(`${subject.name}, ${each.name}`, await valuesOf(bench, each, { subject, references }));
        }
      }
    }
  },
};

interface Compared {
  readonly subject: RunningArm;
  readonly references: readonly RunningArm[];
}

async function valuesOf(bench: Bench, each: Case, { subject, references }: Compared): Promise<Values> {
  const ratios = new Map<string, number>();
  let failures = 0;
  for (const reference of references) {
    bench.progress(`${each.name}: ${subject.name} beside ${reference.name}`);
    const [first, second] = [await bench.generator(0), await bench.generator(1)];
    const [own, other] = await Promise.all([
      costOf({ ...bench, load: first }, subject, each),
      costOf({ ...bench, load: second }, reference, each),
    ]);
    ratios.set(reference.name, own.cpuUs / other.cpuUs);
    failures += own.failures + other.failures;
  }
  const of = (name: string): number => ratios.get(name) ?? Number.NaN;
  return {
    ofNginx: of("nginx"),
    ofHaproxy: of("haproxy"),
    ofBetter: each.references.includes("haproxy")
      ? Math.max(...BETTER_OF.flatMap((name) => ratios.get(name) ?? []))
      : Number.NaN,
    ofGo: of("go"),
    failures,
  };
}

async function costOf(bench: Bench, arm: RunningArm, { counts, shape }: Case): Promise<Cost> {
  const { result, cpuPerSecond } = await measureLoad(bench, arm, shape);
  return { cpuUs: (cpuPerSecond * result.seconds) / result[counts], failures: result.failures };
}

interface Cost {
  /** For one request or event. */
  readonly cpuUs: number;
  readonly failures: number;
}
