/**
 * A fleet as it is shipped under load for a while, with or without chaos: clients that leave, an engine that is killed, a worker thread
 * that crashes. Every byte is checked; whatever went wrong must be on what was broken on purpose. run.ts and test/e2e/soak.test.ts run it.
 */
import { createRandom } from "../../src/lib/random.ts";
import { Fleet, type EngineProcess } from "../../test/support/fleet.ts";
import { ask } from "../../test/support/http-client.ts";
import { until } from "../../test/support/until.ts";
import { Load, type Result } from "./load.ts";
import { readUsage, type ProcessUsage } from "./process-usage.ts";

export interface SoakOptions {
  readonly seconds: number;
  readonly streams: number;
  readonly engines: number;
  readonly chaos: boolean;
  readonly tokens: { readonly min: number; readonly max: number };
  readonly seed: number;
  /** Time for idle connections to age out, before memory and files are looked at again. */
  readonly restMs: number;
}

/** Something that was broken on purpose. */
interface Blow {
  readonly at: number;
  /** The router knew: the engine was out of the fleet, the thread had ended and closed its sockets. */
  readonly knownAt: number;
  /** All is as before, but for a killed engine. */
  readonly recoveredAt: number;
  /** The killed engine; empty for a worker thread. */
  readonly instance: string;
}

export interface SoakReport {
  readonly seconds: number;
  readonly sent: number;
  readonly counted: number;
  readonly parts: number;
  readonly bytes: number;
  readonly exact: number;
  readonly left: number;
  readonly onKilledEngine: readonly Result[];
  readonly onCrashedWorker: readonly Result[];
  /** Requests that were under way when the worker crashed and ended as they should. */
  readonly survivedCrash: number;
  readonly unexplained: readonly Result[];
  readonly engineKill: Blow | null;
  readonly workerCrash: Blow | null;
  /** Requests that engines still had when the router had none. */
  readonly leftOnEngines: number;
  readonly usage: { readonly before: ProcessUsage; readonly peakRssMb: number; readonly after: ProcessUsage };
}

/** By then a client has seen what happened before the router knew, on a busy machine too: streams have a backlog there. */
const AFTERSHOCK_MS = 2000;

export async function soak(options: SoakOptions): Promise<SoakReport> {
  await using fleet = await Fleet.start();
  const starting = Array.from({ length: options.engines }, () => fleet.engineProcess("--preset", "moe-300b"));
  const engines = await Promise.all(starting);
  const load = new Load({
    port: fleet.port,
    clients: options.streams,
    tokens: options.tokens,
    leaving: options.chaos ? 0.05 : 0,
    whole: 0.1,
    random: createRandom(options.seed),
  });
  const { pid } = fleet.router;
  const before = await readUsage(pid);
  let peakRssMb = before.rssMb;
  const sampler = setInterval(
    () => void readUsage(pid).then(({ rssMb }) => (peakRssMb = Math.max(peakRssMb, rssMb))),
    1000,
  );
  const startedAt = performance.now();
  const running = load.run();
  const blows = options.chaos ? await strike(fleet, engines, options.seconds * 1000) : null;
  await Bun.sleep(startedAt + options.seconds * 1000 - performance.now());
  load.stop();
  await running;
  const seconds = (performance.now() - startedAt) / 1000;
  await fleet.idle();
  await Bun.sleep(options.restMs);
  clearInterval(sampler);
  const after = await readUsage(pid);
  const metrics = await fleet.metrics();
  return {
    seconds,
    sent: load.sent,
    counted: metrics.sum("http_requests_total", `endpoint="/v1/chat/completions"`),
    parts: load.parts,
    bytes: load.bytes,
    ...explain(load.results, blows?.engineKill ?? null, blows?.workerCrash ?? null),
    engineKill: blows?.engineKill ?? null,
    workerCrash: blows?.workerCrash ?? null,
    leftOnEngines: await openOn(engines),
    usage: { before, peakRssMb: Math.max(peakRssMb, after.rssMb), after },
  };
}

interface Blows {
  readonly engineKill: Blow;
  readonly workerCrash: Blow;
}

async function strike(fleet: Fleet, engines: readonly EngineProcess[], totalMs: number): Promise<Blows> {
  const startedAt = performance.now();
  await Bun.sleep(totalMs / 3);
  const engineKill = await killEngine(fleet, engines);
  await Bun.sleep(startedAt + (totalMs * 2) / 3 - performance.now());
  return { engineKill, workerCrash: await crashWorker(fleet) };
}

async function killEngine(fleet: Fleet, engines: readonly EngineProcess[]): Promise<Blow> {
  const [victim] = engines;
  if (victim === undefined) throw new Error("a soak with chaos needs an engine to kill");
  const at = performance.now();
  victim.program.kill("SIGKILL");
  await fleet.usable(engines.length - 1);
  const knownAt = performance.now();
  return { at, knownAt, recoveredAt: knownAt, instance: victim.id };
}

async function crashWorker(fleet: Fleet): Promise<Blow> {
  const at = performance.now();
  fleet.router.kill("SIGUSR2");
  await fleet.router.says(/Worker thread \S+ ended/);
  const knownAt = performance.now();
  const isBack = async (): Promise<boolean> => (await fleet.metrics()).sum("fd_router_workers") === 2;
  await until(isBack, "the worker thread is back", 5000, () => fleet.log);
  return { at, knownAt, recoveredAt: performance.now(), instance: "" };
}

type Explained = Pick<
  SoakReport,
  "exact" | "left" | "onKilledEngine" | "onCrashedWorker" | "survivedCrash" | "unexplained"
>;

function explain(results: readonly Result[], engineKill: Blow | null, workerCrash: Blow | null): Explained {
  const onKilledEngine = results.filter(
    (each) => each.ending.kind === "told" && each.instance === engineKill?.instance && isHit(each, engineKill),
  );
  const onCrashedWorker = results.filter((each) => each.ending.kind === "reset" && isHit(each, workerCrash));
  const explained = new Set([...onKilledEngine, ...onCrashedWorker]);
  const exact = results.filter(({ ending }) => ending.kind === "exact");
  return {
    exact: exact.length,
    left: results.filter(({ ending }) => ending.kind === "left").length,
    onKilledEngine,
    onCrashedWorker,
    survivedCrash: exact.filter((each) => workerCrash !== null && isUnderWay(each, workerCrash.at)).length,
    unexplained: results.filter((each) => isFault(each) && !explained.has(each)),
  };
}

function isFault({ ending }: Result): boolean {
  return ending.kind !== "exact" && ending.kind !== "left";
}

/** Until it is known the dead one may still be given requests: by the scheduler, or by the kernel that spreads connections. */
function isHit({ startedAt, endedAt }: Result, blow: Blow | null): boolean {
  return blow !== null && startedAt < blow.knownAt && endedAt >= blow.at && endedAt < blow.knownAt + AFTERSHOCK_MS;
}

function isUnderWay({ startedAt, endedAt }: Result, at: number): boolean {
  return startedAt < at && endedAt > at;
}

/** The router is idle; an engine may be a step behind it. */
async function openOn(engines: readonly EngineProcess[]): Promise<number> {
  let open = 0;
  const count = async (): Promise<boolean> => {
    const alive = engines.filter(({ program }) => program.running);
    const states = await Promise.all(alive.map(({ port }) => ask(port, { path: "/mock/state" })));
    open = states.reduce((sum, { text }) => sum + Number(JSON.parse(text).open), 0);
    return open === 0;
  };
  await until(count, "no request on an engine", 2000).catch(() => undefined); // reported as a number
  return open;
}
