#!/usr/bin/env bun
/** `bun run bench`: measures fd-router beside other proxies, writes figures and a report. `bun run bench --help`. */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { parseArgs } from "node:util";
import type { Arm, RunningArm } from "./arms/arm.ts";
import { ARMS } from "./arms/index.ts";
import { otherArm } from "./arms/other.ts";
import { endProcess } from "./arms/pinned-process.ts";
import { GOALS } from "./goals.ts";
import { LoadProcess } from "./load/load-process.ts";
import { describeMachine } from "./machine.ts";
import { Progress } from "./progress.ts";
import { charts } from "./report/charts.ts";
import { goalTable, limitText, markdown } from "./report/markdown.ts";
import { publish } from "./report/publish.ts";
import { judge, type Results } from "./results.ts";
import { SUITES } from "./suites/index.ts";
import type { Bench, Suite, Values } from "./suites/suite.ts";
import { warmUp } from "./suites/warm-up.ts";

const HELP = `Usage: bun run bench [options]

  --list             the suites and the arms
  --suite A,B        only these suites
  --quick            under four minutes: the suites of the goals, 3 short rounds
  --rounds N         default 5
  --seconds S        measured time of one run, default 3
  --arms A,B         only these arms
  --arm NAME=COMMAND another program, with --arm-url; {engines} in the command becomes host:port,...; may be given several times
  --arm-url URL      where that program listens, one for each --arm, in the same order
  --check            exit with status 1 when a goal is missed, and name it
  --publish          put the results into docs/performance.md and the README too
  --from FILE        no run: report on the figures of an earlier one
  --traces DIRECTORY where published traces are, for the suites that use them; default bench/traces
  --out DIRECTORY    default bench/results`;

/** What --quick leaves out: what takes long, and what no goal asks for. */
const NOT_QUICK = new Set("small 2k 32k 220k 16m sse-max workers fleet registration reports pd replay".split(" "));

const WARM_UP = { requests: 60_000, limitMs: 60_000 };
const SHORT_WARM_UP = { requests: 20_000, limitMs: 8000 };

const { values: flags } = parseArgs({
  options: {
    help: { type: "boolean", short: "h", default: false },
    list: { type: "boolean", default: false },
    suite: { type: "string" },
    quick: { type: "boolean", default: false },
    rounds: { type: "string" },
    seconds: { type: "string" },
    arms: { type: "string" },
    arm: { type: "string", multiple: true, default: [] },
    "arm-url": { type: "string", multiple: true, default: [] },
    check: { type: "boolean", default: false },
    publish: { type: "boolean", default: false },
    from: { type: "string" },
    traces: { type: "string", default: new URL("./traces", import.meta.url).pathname },
    out: { type: "string", default: new URL("./results", import.meta.url).pathname },
  },
});

process.exitCode = await main();

async function main(): Promise<number> {
  if (flags.help) {
    console.log(HELP);
    return 0;
  }
  const table = [...ARMS, ...flags.arm.map(namedArm)];
  const suites = chosen(SUITES, flags.suite).filter(
    ({ name }) => !flags.quick || flags.suite !== undefined || !NOT_QUICK.has(name),
  );
  if (flags.list) {
    for (const { name, title, about } of SUITES) console.log(`${name.padEnd(13)} ${title}. ${about}`);
    for (const arm of table)
      console.log(`${arm.name.padEnd(13)} ${arm.isInstalled() ? "installed" : `not installed: ${arm.install}`}`);
    return 0;
  }
  if (process.platform !== "linux") throw new Error("the benchmarks read /proc and pin to cores: they want Linux");
  const results: Results =
    flags.from === undefined ? await measureAll(suites, chosen(table, flags.arms)) : await Bun.file(flags.from).json();
  await write(results);
  if (flags.publish) await publish(results, SUITES, new URL("../", import.meta.url).pathname);
  for (const text of results.skipped) console.log(`skipped: ${text}`);
  console.log(goalTable(results));
  const missed = GOALS.map((goal) => judge(results, goal)).filter(({ grade }) => grade === "missed");
  for (const { goal, value } of missed)
    console.log(`missed: ${goal.text}: ${value?.toFixed(2)} ${goal.unit}, wanted ${limitText(goal, goal.must)}`);
  return flags.check && missed.length > 0 ? 1 : 0;
}

function namedArm(text: string, index: number): Arm {
  const at = text.indexOf("=");
  const url = flags["arm-url"][index];
  if (at < 1 || url === undefined) throw new Error(`--arm ${text} wants NAME=COMMAND and an --arm-url of its own`);
  return otherArm(text.slice(0, at), text.slice(at + 1), url);
}

function chosen<T extends { readonly name: string }>(table: readonly T[], names: string | undefined): readonly T[] {
  if (names === undefined) return table;
  return names.split(",").map((name) => {
    const found = table.find((each) => each.name === name);
    if (found === undefined)
      throw new Error(`nothing is called ${name}, want one of ${table.map((each) => each.name).join(", ")}`);
    return found;
  });
}

async function measureAll(suites: readonly Suite[], table: readonly Arm[]): Promise<Results> {
  const machine = await describeMachine();
  const directory = mkdtempSync(`${tmpdir()}/fd-router-bench-`);
  // The arm has the first core for itself; engine, generator and this program have the others.
  const last = cpus().length - 1;
  const loadCores = last <= 1 ? String(last) : `1-${last}`;
  const installed = table.filter((arm) => arm.isInstalled());
  const skipped = table
    .filter((arm) => !installed.includes(arm))
    .map(({ name, install }) => `${name}, get it with ${install}`);
  const load = await LoadProcess.start(loadCores);
  const further: Promise<LoadProcess>[] = [];
  const running: RunningArm[] = [];
  const setting = { enginePorts: load.ports, cores: "0", directory };
  const rounds = Number(flags.rounds ?? (flags.quick ? 3 : 5));
  const parts = partsOf(suites, rounds);
  const progress = new Progress(parts.length);
  const runMs = 1000 * Number(flags.seconds ?? (flags.quick ? 1 : 3));
  const bench: Bench = {
    load,
    generator: (index) => (further[index] ??= LoadProcess.startGenerator(loadCores)),
    rounds,
    roundsBefore: 0,
    runMs,
    warmUpMs: flags.quick ? 400 : 1000,
    quick: flags.quick,
    setting,
    allCores: `0-${last}`,
    armTable: installed,
    tracesDirectory: flags.traces,
    progress: (text) => progress.step(text),
    skip: (text) => skipped.push(text),
    async arms() {
      if (running.length > 0) return running;
      for (const arm of installed) {
        progress.step(`warming up ${arm.name}`);
        const started = await arm.start(setting);
        running.push(started);
        if (started.child !== null) await warmUp(load, started, flags.quick ? SHORT_WARM_UP : WARM_UP);
      }
      return running;
    },
  };
  const measured: Record<string, Record<string, Values[]>> = {};
  try {
    for (const { suite, ...part } of parts) {
      progress.suite(suite.name);
      const subjects = (measured[suite.name] ??= {});
      await suite.run({ ...bench, ...part }, (subject, values) => (subjects[subject] ??= []).push(values));
      if (Object.keys(subjects).length === 0) delete measured[suite.name];
    }
  } finally {
    progress.end();
    await Promise.all(running.map(({ child }) => (child === null ? null : endProcess(child))));
    await load.stop();
    for (const each of further) await (await each).stop();
    rmSync(directory, { recursive: true, force: true });
  }
  return {
    date: new Date().toISOString().slice(0, 19),
    machine,
    rounds,
    runSeconds: runMs / 1000,
    suites: measured,
    skipped,
  };
}

interface Part {
  readonly suite: Suite;
  readonly rounds: number;
  readonly roundsBefore: number;
}

/** First one round of each suite that can be spread, then the next; the others whole. */
function partsOf(suites: readonly Suite[], rounds: number): readonly Part[] {
  const spread = suites.filter(({ spread: isSpread }) => isSpread);
  const inTurns = Array.from({ length: rounds }, (_, roundsBefore) =>
    spread.map((suite) => ({ suite, rounds: 1, roundsBefore })),
  );
  const whole = suites.filter((suite) => !spread.includes(suite)).map((suite) => ({ suite, rounds, roundsBefore: 0 }));
  return [...inTurns.flat(), ...whole];
}

async function write(results: Results): Promise<void> {
  const stem = results.date.replaceAll(":", "");
  const folder = `${flags.out}/${stem}`;
  mkdirSync(folder, { recursive: true });
  await Bun.write(`${folder}.json`, `${JSON.stringify(results, null, 1)}\n`);
  await Bun.write(`${folder}.md`, `${markdown(results, SUITES, stem)}\n`);
  for (const [name, svg] of charts(results, SUITES)) await Bun.write(`${folder}/${name}`, svg);
  console.log(`${folder}.md`);
}
