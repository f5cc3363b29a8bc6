/** Plays one recorded command line: arguments, files, environment; output, exit code and log files. Called by replay.ts. */
import { lstatSync, readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { exchange } from "./client.ts";
import { compare, lineDifferences, valueDifference, type Difference } from "./compare.ts";
import { bytesOf, showBytes, type GoldenCase, type RecordedAnswer } from "./corpus.ts";
import { cleanAnswer, cleanLine } from "./normalise.ts";
import { RouterProcess } from "./router.ts";
import { Stage } from "./stage.ts";

const STILL_RUNNING = "{still running}";
/** Until the lines of worker threads are written. */
const LINES_MS = 150;
/** Cases that listen on a port of their own would disturb each other. */
let fixedPorts: Promise<unknown> = Promise.resolve();

export function playCommandLine(golden: GoldenCase, binary: string): Promise<readonly Difference[]> {
  const text = JSON.stringify([golden.args, golden.files]);
  if (text.includes("{R}")) return playAlone(golden, binary);
  const turn = fixedPorts.then(() => playAlone(golden, binary));
  fixedPorts = turn.catch(() => undefined);
  return turn;
}

async function playAlone(golden: GoldenCase, binary: string): Promise<readonly Difference[]> {
  const stage = await Stage.open(golden);
  const taken = golden.note === "port already taken" ? createServer().listen(stage.routerPort) : null;
  const fillAll = (record: Readonly<Record<string, string>> = {}): Record<string, string> =>
    Object.fromEntries(Object.entries(record).map(([key, value]) => [key, stage.fill(value)]));
  const router = new RouterProcess({
    binary,
    args: (golden.args ?? []).slice(1).map(stage.fill),
    environment: { FD_ROUTER_SERVER_WORKERS: "1", ...fillAll(golden.environment) },
    files: fillAll(golden.files),
    merged: false,
  });
  try {
    return await look(golden, stage, router);
  } finally {
    taken?.close();
    await router.dispose();
    stage.close();
  }
}

async function look(golden: GoldenCase, stage: Stage, router: RouterProcess): Promise<readonly Difference[]> {
  const found: Difference[] = [];
  if (golden.exit_code === STILL_RUNNING || golden.signal !== undefined) {
    const listens = await router.listens(stage.routerPort, golden.listens === false ? 1500 : 10_000);
    if (golden.listens !== undefined) found.push(...valueDifference("listens", golden.listens, listens));
    found.push(...(await walk(golden, stage)));
    await sleep(LINES_MS);
    if (golden.signal !== undefined) router.signal(golden.signal);
    const code = await router.ended(golden.signal === undefined ? 0 : 1500);
    found.push(...valueDifference("exit_code", golden.exit_code, code ?? STILL_RUNNING));
  } else {
    const code = await router.ended(10_000);
    found.push(...valueDifference("exit_code", golden.exit_code, code ?? STILL_RUNNING));
  }
  for (const stream of ["stdout", "stderr"] as const) {
    const lines = router[stream].split("\n").map((line) => cleanLine(line, stage.clean));
    while (lines.at(-1) === "") lines.pop();
    found.push(...lineDifferences(stream, golden[stream] ?? [], lines));
  }
  if (golden.log_files !== undefined) found.push(...logFileDifferences(golden, stage, router));
  return found;
}

async function walk(golden: GoldenCase, stage: Stage): Promise<readonly Difference[]> {
  const steps: (RecordedAnswer | null)[] = [];
  for (const step of golden.steps ?? []) {
    if (step.sleep_ms !== undefined) await sleep(step.sleep_ms);
    if (step.sent === undefined) {
      steps.push(null);
      continue;
    }
    const answer = await exchange(stage.routerPort, bytesOf(step.sent, stage.fill), "stay");
    if ("ended" in answer) steps.push({ status: `(${answer.ended})` });
    else {
      const { status, headers, framing, closed, body } = answer;
      steps.push(
        cleanAnswer(
          { status, headers, framing, closed, body: showBytes(body, step.got?.body, stage.clean) },
          stage.clean,
        ),
      );
    }
  }
  const { log: _, ...rest } = golden;
  return compare(rest, { steps });
}

function logFileDifferences(golden: GoldenCase, stage: Stage, router: RouterProcess): readonly Difference[] {
  const folder = `${router.folder}/logs`;
  const seen: Record<string, readonly string[] | string> = {};
  for (const name of readdirSync(folder)) {
    const shown = name.replace(/\d{4}-\d\d-\d\d/, "{date}");
    const entry = lstatSync(`${folder}/${name}`);
    if (entry.isDirectory()) seen[shown] = "{directory}";
    else if (entry.isSymbolicLink()) seen[shown] = "{link}";
    else {
      const lines = readFileSync(`${folder}/${name}`, "utf8").trimEnd().split("\n");
      seen[shown] = lines.map((line) => cleanLine(line, stage.clean));
    }
  }
  const names = [...new Set([...Object.keys(golden.log_files ?? {}), ...Object.keys(seen)])].toSorted();
  return names.flatMap((name) => valueDifference(`log file ${name}`, golden.log_files?.[name], seen[name]));
}
