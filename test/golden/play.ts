/** Plays one recorded case against the compiled router and says what was seen, in the recording's own terms. Called by replay.ts. */
import { setTimeout as sleep } from "node:timers/promises";
import { exchange, type Exchange, type Leaving } from "./client.ts";
import {
  bytesOf,
  showBytes,
  type GoldenCase,
  type Operation,
  type Recorded,
  type RecordedAnswer,
  type RecordedRequest,
  type Step,
} from "./corpus.ts";
import { cleanAnswer, cleanLog, cleanText } from "./normalise.ts";
import { RouterProcess } from "./router.ts";
import { Stage } from "./stage.ts";

/** The same shape as in the recordings; absent what the case does not look at. */
export interface Seen {
  readonly got?: RecordedAnswer;
  readonly steps?: readonly (RecordedAnswer | null)[];
  readonly families?: readonly (string | null)[];
  readonly chosen?: readonly (readonly string[] | null)[];
  readonly received?: readonly RecordedRequest[];
  readonly get_requests?: readonly string[];
  readonly registered?: unknown;
  readonly registered_number?: unknown;
  readonly log?: readonly string[];
}

/** Go's defaults where ours differ: the recordings were made with them. One thread, so that counts are exact. */
const GO_DEFAULTS = {
  FD_ROUTER_SERVER_WORKERS: "1",
  FD_ROUTER_SCHEDULER_POLICY: "request_num",
  FD_ROUTER_SCHEDULER_PREFILL_POLICY: "process_tokens",
  FD_ROUTER_SCHEDULER_DECODE_POLICY: "request_num",
};

interface Running {
  readonly router: RouterProcess;
  readonly port: number;
}

/** Routers whose registry is empty still, by what they were started with: one serves case after case. */
const idle = new Map<string, Running[]>();

export async function play(golden: GoldenCase, binary: string): Promise<Seen> {
  const key = leavesNothing(golden) ? `${golden.mode} ${JSON.stringify(golden.config)}` : null;
  const waiting = key === null ? undefined : idle.get(key)?.pop();
  const stage = await Stage.open(golden, waiting?.port);
  const router = waiting?.router ?? (await start(golden, stage, binary));
  let isGood = false;
  try {
    const seen = await perform(golden, stage, router);
    isGood = router.exitCode === null && (await isEmpty(stage));
    return seen;
  } finally {
    stage.close();
    // The lines of the questions asked above must not count as the next case's.
    if (key !== null && isGood) await sleep(LINES_MS);
    if (key !== null && isGood) idle.set(key, [...(idle.get(key) ?? []), { router, port: stage.routerPort }]);
    else await router.dispose();
  }
}

async function isEmpty(stage: Stage): Promise<boolean> {
  return JSON.stringify(await listing(stage, "/registered_number")) === '{"decode":0,"mixed":0,"prefill":0}';
}

/** To be called after the last case. */
export async function stopIdleRouters(): Promise<void> {
  await Promise.all([...idle.values()].flat().map(({ router }) => router.dispose()));
  idle.clear();
}

async function start(golden: GoldenCase, stage: Stage, binary: string): Promise<RouterProcess> {
  const mode = golden.mode === "splitwise" ? ["--splitwise"] : [];
  const router = new RouterProcess({
    binary,
    args: ["--config_path", "config.yaml", "--port", String(stage.routerPort), ...mode],
    environment: environmentOf(golden),
    files: { "config.yaml": stage.fill(JSON.stringify(configOf(golden))) },
    merged: true,
  });
  if (await router.listens(stage.routerPort, 15_000)) return router;
  const output = router.stdout;
  await router.dispose();
  throw new Error(`the router does not listen: ${output}`);
}

function leavesNothing({ registered_before = [], steps, ops, got, group }: GoldenCase): boolean {
  // A refused client may leave the router in the middle of something.
  const registers = typeof got?.body === "string" && got.body.includes("Register success");
  return (
    registered_before.length === 0 && steps === undefined && ops === undefined && !registers && group !== "log-level"
  );
}

function environmentOf(golden: GoldenCase): Record<string, string> {
  const policies = golden.config?.["scheduler"] ?? {};
  const set = Object.keys(policies).map((key) => `FD_ROUTER_SCHEDULER_${key.toUpperCase().replaceAll("-", "_")}`);
  return Object.fromEntries(Object.entries(GO_DEFAULTS).filter(([name]) => !set.includes(name)));
}

function configOf({ config = {} }: GoldenCase): object {
  return {
    ...config,
    scheduler: { "stats-interval-secs": 3600, ...config["scheduler"] },
    manager: { "health-check-interval-secs": 3600, ...config["manager"] },
  };
}

async function perform(golden: GoldenCase, stage: Stage, router: RouterProcess): Promise<Seen> {
  await serves(stage);
  for (const body of golden.registered_before ?? []) await register(stage, body);
  const looks = await fleetKnown(golden, stage);
  const skip = await settledLength(router, golden.registered_before?.length ?? 0, looks);
  for (const engine of stage.engines.values()) {
    engine.received = [];
    engine.gets = [];
  }
  stage.applyHealth(golden);
  for (const name of golden.stopped_before_request ?? []) stage.engine(name).stop();
  const seen: { -readonly [Key in keyof Seen]: Seen[Key] } = {};
  if (golden.sent !== undefined) seen.got = await send(stage, golden.sent, golden.got, golden);
  if (golden.steps !== undefined) Object.assign(seen, await walk(golden.steps, stage));
  if (golden.ops !== undefined) seen.chosen = await operate(golden.ops, stage);
  if (golden.log !== undefined)
    seen.log = ownLines(cleanLog(await logAfter(router, skip, golden), stage.clean), golden);
  if (golden.received !== undefined) seen.received = receivedBy(golden, stage);
  if (golden.get_requests !== undefined) seen.get_requests = [...stage.engines.values()].flatMap(({ gets }) => gets);
  if (golden.registered !== undefined) seen.registered = await listing(stage, "/registered");
  if (golden.registered_number !== undefined) seen.registered_number = await listing(stage, "/registered_number");
  return seen;
}

/** What first accepts on the port may be the router's look whether the port is free. */
async function serves(stage: Stage): Promise<void> {
  for (let waitedMs = 0; waitedMs < 5000; waitedMs += 20) {
    const status = await fetch(`http://127.0.0.1:${stage.routerPort}/health`, { keepalive: false }).then(
      (response) => response.status,
      () => 0,
    );
    if (status === 200) return;
    await sleep(20);
  }
}

async function register(stage: Stage, body: string): Promise<void> {
  const filled = stage.fill(body);
  for (let tries = 1; ; tries++) {
    const response = await fetch(`http://127.0.0.1:${stage.routerPort}/register`, {
      method: "POST",
      body: filled,
      keepalive: false,
    });
    if (response.status === 200) return;
    // On a busy machine a probe may take longer than the case's short limits.
    if (tries === 3) throw new Error(`the case's own registration was refused: ${await response.text()}`);
  }
}

async function listing(stage: Stage, path: string): Promise<unknown> {
  const response = await fetch(`http://127.0.0.1:${stage.routerPort}${path}`, { keepalive: false });
  return JSON.parse(stage.clean(await response.text()));
}

async function send(
  stage: Stage,
  sent: Step["sent"],
  got: RecordedAnswer | undefined,
  golden: GoldenCase,
): Promise<RecordedAnswer> {
  const leaving: Leaving =
    got?.client === undefined ? (golden.note?.includes("half-closes") === true ? "half-close" : "stay") : "close";
  const answer = await exchange(stage.routerPort, bytesOf(sent ?? "", stage.fill), leaving);
  return shown(answer, got, stage);
}

function shown(answer: Exchange, got: RecordedAnswer | undefined, stage: Stage): RecordedAnswer {
  if (got?.client !== undefined)
    return { client: got.client, seen: "partial" in answer ? stage.clean(answer.partial) : "" };
  if ("ended" in answer) return { status: `(${answer.ended}) ${stage.clean(answer.partial)}` };
  const { status, headers, framing, closed, body } = answer;
  return cleanAnswer({ status, headers, framing, closed, body: showBytes(body, got?.body, stage.clean) }, stage.clean);
}

async function walk(steps: readonly Step[], stage: Stage): Promise<Pick<Seen, "steps" | "families">> {
  const answers: (RecordedAnswer | null)[] = [];
  const families: (string | null)[] = [];
  for (const step of steps) {
    let answer: RecordedAnswer | null = null;
    let family: string | null = null;
    if (step.sleep_ms !== undefined) await sleep(step.sleep_ms);
    if (step.stop_engine !== undefined) stage.engine(step.stop_engine).stop();
    if (step.start_engine !== undefined) await stage.engine(step.start_engine).start();
    if (step.engine_health !== undefined) stage.engine(step.engine_health).health = step.script ?? [];
    if (step.sent !== undefined) {
      const raw = await exchange(stage.routerPort, bytesOf(step.sent, stage.fill), "stay");
      answer = shown(raw, step.got, stage);
      if (step.router_families !== undefined && "body" in raw) family = stage.clean(raw.body.toString());
    }
    answers.push(answer);
    families.push(family);
  }
  return { steps: answers, families };
}

async function operate(ops: readonly Operation[], stage: Stage): Promise<readonly (readonly string[] | null)[]> {
  const open = new Map<
    string,
    { readonly held: readonly (readonly [string, number])[]; readonly done: Promise<Exchange> }
  >();
  const chosen: (readonly string[] | null)[] = [];
  for (const op of ops) {
    const name = op.start ?? op.run;
    if (name !== undefined) {
      const before = new Map([...stage.engines].map(([engine, { received }]) => [engine, received.length]));
      const body = bytesOf(op.body ?? "", stage.fill);
      const head = `POST /v1/chat/completions HTTP/1.1\r\nHost: router.test\r\nContent-Length: ${body.length}\r\n\r\n`;
      const done = exchange(stage.routerPort, Buffer.concat([Buffer.from(head), body]), "stay");
      const engines = await chosenBy(stage, before, op.chosen?.length ?? 1);
      chosen.push(engines);
      open.set(name, { held: engines.map((engine) => [engine, before.get(engine) ?? 0]), done });
    }
    const ends = op.end ?? op.run;
    if (ends !== undefined) {
      const running = open.get(ends);
      for (const [engine, index] of running?.held ?? []) stage.engine(engine).release(index);
      await running?.done;
      if (op.end !== undefined) chosen.push(null);
    }
  }
  // The recording let all that was open finish before it took the log.
  for (const engine of stage.engines.values()) engine.releaseAll();
  await Promise.all([...open.values()].map(({ done }) => done));
  return chosen;
}

/** Waits until `count` engines have got a request that they had not before. */
async function chosenBy(stage: Stage, before: ReadonlyMap<string, number>, count: number): Promise<readonly string[]> {
  for (let waitedMs = 0; waitedMs < 3000; waitedMs += 5) {
    const now = [...stage.engines].filter(
      ([name, { received, holds }]) => holds && received.length > (before.get(name) ?? 0),
    );
    if (now.length >= count) return now.map(([name]) => name);
    await sleep(5);
  }
  return [];
}

function receivedBy(golden: GoldenCase, stage: Stage): readonly RecordedRequest[] {
  return [...stage.engines].flatMap(([engine, { received }]) => {
    const wanted = golden.received?.filter((request) => request.engine === engine) ?? [];
    return received.map(({ head, body }, index) => ({
      engine,
      head: showHead(head, wanted[index]?.head, stage),
      body: isAsSent(body, wanted[index]?.body, golden, stage)
        ? "{as sent}"
        : showBytes(body, wanted[index]?.body, (text) => cleanText(text, stage.clean)),
    }));
  });
}

/** Waits until the worker thread knows all that was registered, and what the engines' metrics say; the Go router asks for them later. Returns how often it looked. */
async function fleetKnown(
  { registered_before: bodies = [], engine_metrics: metrics = {} }: GoldenCase,
  stage: Stage,
): Promise<number> {
  const wanted = new Set(bodies.map((body) => /\{P\d\}/.exec(body)?.[0] ?? body)).size;
  if (wanted === 0) return 0;
  const asked = (name: string): boolean => stage.engine(name).gets.some((get) => get.includes("GET /metrics"));
  let looks = 0;
  for (; looks < 50; looks++) {
    const response = await fetch(`http://127.0.0.1:${stage.routerPort}/ready`, { keepalive: false });
    const { instances = 0 } = JSON.parse(await response.text());
    if (instances >= wanted && Object.keys(metrics).every(asked)) break;
    await sleep(10);
  }
  if (Object.keys(metrics).length > 0) await sleep(500);
  return looks + 1;
}

/** Other programs of the same machine may ask after the health of a port that was theirs. */
function ownLines(lines: readonly string[], golden: GoldenCase): readonly string[] {
  const sent = JSON.stringify([golden.sent, golden.steps]);
  return lines.filter((line) => {
    const path = /\[GET\] (\/ready|\/health) HTTP/.exec(line)?.[1];
    return path === undefined || sent.includes(`GET ${path} `);
  });
}

function isAsSent(body: Buffer, like: Recorded | undefined, { sent }: GoldenCase, stage: Stage): boolean {
  return like === "{as sent}" && sent !== undefined && bytesOf(sent, stage.fill).subarray(-body.length).equals(body);
}

function showHead(head: string, like: Recorded | undefined, stage: Stage): Recorded {
  const bytes = Buffer.from(head, "latin1");
  return typeof like === "object" ? showBytes(bytes, like, stage.clean) : stage.clean(bytes.toString("utf8"));
}

/** Length of the log once the lines of the start and of the registrations are in it. */
async function settledLength(router: RouterProcess, registrations: number, looks: number): Promise<number> {
  for (let waitedMs = 0; waitedMs < 2 * LINES_MS; waitedMs += 10) {
    const lines = router.stdout.match(/\[(?:POST\] \/register|GET\] \/ready) HTTP/g)?.length ?? 0;
    if (lines >= registrations + looks) break;
    await sleep(10);
  }
  return router.stdout.length;
}

/** Worker threads send their lines every 100 ms. */
const LINES_MS = 120;

async function logAfter(router: RouterProcess, skip: number, golden: GoldenCase): Promise<string> {
  const wanted = golden.log?.length ?? 0;
  for (let waitedMs = 0; waitedMs < 1200; waitedMs += 20) {
    const text = router.stdout.slice(skip);
    if (waitedMs > LINES_MS && text.split("\n").length - 1 >= wanted) return text;
    await sleep(20);
  }
  return router.stdout.slice(skip);
}
