/**
 * The soak as a command: `bun bench/soak/run.ts --seconds 60 --streams 200 [--chaos]`. Ends with 1 when anything went wrong that was not
 * broken on purpose.
 */
import { parseArgs } from "node:util";
import type { Result } from "./load.ts";
import { soak, type SoakReport } from "./soak.ts";

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "60" },
    streams: { type: "string", default: "200" },
    engines: { type: "string", default: "8" },
    seed: { type: "string", default: "1" },
    chaos: { type: "boolean", default: false },
  },
});

const report = await soak({
  seconds: Number(values.seconds),
  streams: Number(values.streams),
  engines: Number(values.engines),
  seed: Number(values.seed),
  chaos: values.chaos,
  tokens: { min: 20, max: 200 },
  restMs: 6000,
});
const found = faultsOf(report);
console.log(describe(report).join("\n"));
console.log(found.length === 0 ? "OK" : `FAILED\n${found.join("\n")}`);
process.exitCode = found.length === 0 ? 0 : 1;

function describe(soaked: SoakReport): string[] {
  const { seconds, usage, engineKill, workerCrash } = soaked;
  const each = (count: number): string => `${count} (${Math.round(count / seconds)}/s)`;
  const lines = [
    `time                 ${seconds.toFixed(1)} s`,
    `requests             ${each(soaked.sent)}, counted by the router ${soaked.counted}`,
    `parts of answers     ${each(soaked.parts)}, ${(soaked.bytes / 1e6).toFixed(1)} MB`,
    `exact to the byte    ${soaked.exact}`,
    `client left          ${soaked.left}`,
    `hit: killed engine   ${soaked.onKilledEngine.length}`,
    `hit: crashed worker  ${soaked.onCrashedWorker.length}, under way on the others and unharmed ${soaked.survivedCrash}`,
    `unexplained          ${soaked.unexplained.length}`,
    `in flight afterwards router 0, engines ${soaked.leftOnEngines}`,
    `router's memory      ${usage.before.rssMb} MB before, ${usage.peakRssMb} MB at most, ${usage.after.rssMb} MB after`,
    `router's open files  ${usage.before.openFiles} before, ${usage.after.openFiles} after`,
  ];
  const after = (from: number, to: number): string => `${Math.round(to - from)} ms`;
  if (engineKill !== null) lines.push(`killed engine        out after ${after(engineKill.at, engineKill.knownAt)}`);
  if (workerCrash !== null) {
    const { at, knownAt, recoveredAt } = workerCrash;
    lines.push(`crashed worker       ended after ${after(at, knownAt)}, back ${after(knownAt, recoveredAt)} later`);
  }
  for (const [name, results] of [
    ["engine", soaked.onKilledEngine],
    ["worker", soaked.onCrashedWorker],
  ] as const) {
    for (const [kind, count] of kindsOf(results)) lines.push(`  ${name}: ${count} × ${kind}`);
  }
  return lines;
}

/** Endings with the figures taken out, and how many of each there were. */
function kindsOf(results: readonly Result[]): ReadonlyMap<string, number> {
  const kinds = new Map<string, number>();
  for (const { ending } of results) {
    const kind = "detail" in ending ? ending.detail.replace(/right for \d+ of \d+/, "right so far") : ending.kind;
    kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  }
  return kinds;
}

function faultsOf(soaked: SoakReport): string[] {
  const faults = soaked.unexplained.slice(0, 20).map((result) => `unexplained: ${JSON.stringify(result)}`);
  if (soaked.exact === 0) faults.push("no answer was exact");
  if (soaked.leftOnEngines > 0) faults.push(`${soaked.leftOnEngines} requests are left on engines`);
  const { workerCrash, sent, counted } = soaked;
  if (workerCrash === null && counted !== sent) faults.push(`${sent} requests sent, ${counted} counted`);
  if (workerCrash !== null && workerCrash.recoveredAt - workerCrash.knownAt > 1000)
    faults.push("the worker was not back within 1 s");
  if (workerCrash !== null && soaked.survivedCrash === 0) faults.push("the crash of one worker harmed all");
  return faults;
}
