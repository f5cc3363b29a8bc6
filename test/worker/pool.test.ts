/** The pool with real worker threads. */
import { afterEach, describe, expect, test } from "bun:test";
import type { ControlReply } from "../../src/fleet/control.ts";
import { EMPTY_SNAPSHOT, type FleetSnapshot } from "../../src/fleet/snapshot.ts";
import { logOptions } from "../../src/log/options.ts";
import { proxyOptions } from "../../src/proxy/options.ts";
import { schedulerOptions } from "../../src/scheduler/options.ts";
import { WorkerPool } from "../../src/worker/pool.ts";
import { ask, chat, RawClient } from "../faults/support/raw-client.ts";
import { instanceOn } from "../faults/support/front.ts";
import { answerText, RawServer } from "../upstream/support/raw-server.ts";
import { until } from "../upstream/support/until.ts";

const started: { stop(): void }[] = [];
afterEach(() => {
  for (const each of started.splice(0)) each.stop();
});

interface Setup {
  readonly pool: WorkerPool;
  readonly publish: (snapshot: FleetSnapshot) => void;
  readonly infos: string[];
  readonly errors: string[];
  readonly lines: string[];
}

function setUp(
  workers: number,
  port = 0,
  control: () => Promise<ControlReply> = () => Promise.reject(new Error("oops")),
  hostname = "127.0.0.1",
): Setup {
  const infos: string[] = [];
  const errors: string[] = [];
  let known: FleetSnapshot = EMPTY_SNAPSHOT;
  const lines: string[] = [];
  const pool = new WorkerPool(
    {
      hostname,
      port,
      workers,
      seed: 1,
      splitwise: false,
      front: "serve",
      proxy: proxyOptions.parse({}),
      scheduler: schedulerOptions.parse({}),
      log: logOptions.parse({}),
    },
    {
      fleet: () => known,
      control,
      lines: (bytes) => lines.push(Buffer.from(bytes).toString()),
      observed: () => undefined,
      info: (message) => infos.push(message),
      warn: () => undefined,
      error: (message) => errors.push(message),
    },
  );
  started.push(pool);
  const publish = (snapshot: FleetSnapshot): void => {
    known = snapshot;
    pool.publish(snapshot);
  };
  return { pool, publish, infos, errors, lines };
}

function fleet(...ports: readonly number[]): FleetSnapshot {
  return {
    version: 1,
    members: ports.map((port) => ({
      instance: instanceOn(port),
      state: "ready",
      epoch: 1,
      readyAgeMs: 1e9,
      report: null,
    })),
  };
}

function upstream(): RawServer {
  const server = new RawServer((peer) => peer.write(answerText("{}")));
  started.push(server);
  return server;
}

async function counted(pool: WorkerPool, prefix: string): Promise<number> {
  const { data } = await pool.figures();
  return [...data.counters].filter(([series]) => series.startsWith(prefix)).reduce((sum, [, value]) => sum + value, 0);
}

describe("D03 a thread that ends", () => {
  test("is started again, the others serve on, and no figure goes down", async () => {
    const { pool, publish, infos, errors } = setUp(2);
    publish(fleet(upstream().port));
    const port = await pool.start();
    let sent = 0;
    const seen: number[] = [];
    const serve = async (): Promise<void> => {
      const answer = await ask(port, chat()).catch(() => null);
      if (answer !== null) sent++;
      seen.push(await counted(pool, "http_requests_total"));
    };
    for (let i = 0; i < 10; i++) await serve();
    expect(seen.at(-1)).toBe(10);
    pool.crashOne();
    await until(() => errors.some((line) => line.includes("ended")), "the report");
    for (let i = 0; i < 10; i++) await serve();
    expect((await pool.figures()).restarts).toBe(1);
    await pollUntil(async () => (await pool.figures()).workers === 2, "the restart");
    expect(infos).toEqual(["Worker thread worker-0.2 serves"]);
    for (let i = 0; i < 10; i++) await serve();
    expect(sent).toBeGreaterThanOrEqual(29);
    expect(seen).toEqual(seen.toSorted((a, b) => a - b));
    expect(seen.at(-1)).toBeGreaterThanOrEqual(29);
    await until(() => [...pool.inFlight().values()].every((count) => count === 0), "digests without load");
  }, 15_000);
});

test("a restarted thread that cannot listen is tried again until it can", async () => {
  const { pool, errors } = setUp(1);
  const port = await pool.start();
  pool.crashOne();
  await until(() => errors.some((line) => line.includes("starting it again")), "the end of the first thread");
  const other = Bun.listen({ hostname: "127.0.0.1", port, socket: { data: () => undefined } });
  await until(() => errors.some((line) => line.includes("cannot serve")), "the failure of the second");
  other.stop(true);
  await pollUntil(async () => (await pool.figures()).workers === 1, "a third");
  expect((await ask(port, "GET /health HTTP/1.1\r\nHost: r\r\n\r\n"))?.status).toBe(200);
}, 10_000);

test("a port that is taken fails the start with its reason, and leaves nothing behind", async () => {
  const other = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => undefined } });
  started.push({ stop: () => other.stop(true) });
  const { pool } = setUp(1, other.port);
  const failure = await pool.start().then(() => "started", String);
  expect(failure).toMatch(/EADDRINUSE|in use/i);
});

test("a host that is none of this machine fails the start with its name and what is wanted", async () => {
  const { pool } = setUp(1, 0, undefined, "203.0.113.1");
  const failure = await pool.start().then(() => "started", String);
  expect(failure).toContain(`server.host is "203.0.113.1", wanted an address or name of this machine`);
});

test("threads that were loaded early take up the fleet that is known when they start", async () => {
  const { pool, publish } = setUp(2);
  pool.load();
  publish(fleet(upstream().port));
  const port = await pool.start();
  for (let i = 0; i < 4; i++) expect((await ask(port, chat()))?.status).toBe(200);
});

test("options that are changed twice at once end as the last ones say, and both callers learn when", async () => {
  const { pool, publish } = setUp(2);
  publish(fleet(upstream().port));
  const port = await pool.start();
  const limited = (bytes: number): Promise<void> =>
    pool.configure({
      proxy: proxyOptions.parse({ "max-body-bytes": bytes }),
      scheduler: schedulerOptions.parse({}),
      log: logOptions.parse({}),
    });
  const done: string[] = [];
  const first = limited(1_000_000).then(() => done.push("first"));
  const second = limited(10).then(() => done.push("second"));
  await second;
  for (let i = 0; i < 4; i++) expect((await ask(port, chat()))?.status).toBe(413);
  await first;
  expect(done).toEqual(["first", "second"]);
});

test("control requests are answered by the main thread, also when that makes a mistake", async () => {
  const { pool, errors } = setUp(1);
  const port = await pool.start();
  const answer = await ask(port, "GET /registered HTTP/1.1\r\nHost: r\r\n\r\n");
  expect([answer?.status, answer?.body]).toEqual([500, '{"code":500,"msg":"Internal server error"}']);
  expect(errors.join()).toContain("Panic recovered: Error: oops");
});

test("access lines of all threads arrive", async () => {
  const { pool, lines } = setUp(2);
  const port = await pool.start();
  for (let i = 0; i < 8; i++) await ask(port, `GET /line${i} HTTP/1.1\r\nHost: r\r\n\r\n`);
  await until(() => lines.join("").split("\n").length - 1 === 8, "the lines");
});

describe("D01 draining", () => {
  test("lets what runs end, and takes no new connection", async () => {
    let answer: () => void = () => undefined;
    const server = upstream();
    server.script = (peer) => (answer = () => peer.write(answerText('{"late":1}')));
    const { pool, publish } = setUp(2);
    publish(fleet(server.port));
    const port = await pool.start();
    const client = await RawClient.connect(port);
    client.send(chat());
    await until(() => server.requests.length === 1, "the request");
    const drained = pool.drain(3000);
    await Bun.sleep(100);
    expect(
      await RawClient.connect(port).then(
        () => "connected",
        () => "refused",
      ),
    ).toBe("refused");
    answer();
    expect(await client.untilAnswers(1)).toContain('{"late":1}');
    expect(await drained).toBe(true);
  });

  test("ends in time though a client does not", async () => {
    const server = upstream();
    server.script = () => undefined;
    const { pool, publish } = setUp(1);
    publish(fleet(server.port));
    const port = await pool.start();
    const client = await RawClient.connect(port);
    client.send(chat());
    await until(() => server.requests.length === 1, "the request");
    expect(await pool.drain(100)).toBe(false);
    pool.cut("all-but-streams");
    expect(await client.untilAnswers(1)).toContain("HTTP/1.1 503");
    expect(await pool.drain(2000)).toBe(true);
  });

  test("is not held up by a client that keeps an idle connection", async () => {
    const { pool } = setUp(1);
    const port = await pool.start();
    const client = await RawClient.connect(port);
    client.send("GET /health HTTP/1.1\r\nHost: r\r\n\r\n");
    await client.until(({ received }) => received.includes("200 OK"), "the answer");
    expect(await pool.drain(3000)).toBe(true);
  });
});

async function pollUntil(condition: () => Promise<boolean>, what: string): Promise<void> {
  for (let i = 0; i < 60; i++) {
    if (await condition()) return;
    await Bun.sleep(50);
  }
  throw new Error(`${what} did not come`);
}
