#!/usr/bin/env bun
/**
 * CPU time of the router's own code for one small request: everything between Bun.serve and the socket, both left out. Read from the
 * process's clock, garbage collection included, so that it can be compared where the machine is busy. `bun bench/micro/request.ts [ROUNDS]`;
 * for a profile: `bun --cpu-prof bench/micro/request.ts 1`.
 */
import type { Server, Socket } from "bun";
import { createRandom } from "../../src/lib/random.ts";
import { logOptions } from "../../src/log/options.ts";
import type { ProxyContext } from "../../src/proxy/context.ts";
import { handle } from "../../src/proxy/handle.ts";
import { originOf } from "../../src/proxy/forward.ts";
import { RetryBudget } from "../../src/proxy/retry.ts";
import { schedulerOptions } from "../../src/scheduler/options.ts";
import { Scheduler } from "../../src/scheduler/scheduler.ts";
import { UpstreamClient } from "../../src/upstream/client.ts";
import { Connection } from "../../src/upstream/connection.ts";
import { Prompts } from "../../src/worker/prompts.ts";
import { ThreadRecorder } from "../../src/worker/recorder.ts";
import { type AnswerDesk, ServeDownstream } from "../../src/front/serve/serve-downstream.ts";
import { fleet } from "../../test/scheduler/support.ts";
import { chatBody } from "../load/chat-body.ts";

const REQUESTS = 20_000;
const AT_ONCE = 32;
const BODY_BYTES = 400;
const NEVER_MS = 1e9;

const LOGS: readonly (readonly [name: string, log: Record<string, boolean>])[] = [
  ["default options", {}],
  ["without log.request-lines", { "request-lines": false }],
  ["without log.access too", { "request-lines": false, access: false }],
];

const ANSWER = Buffer.from(
  `HTTP/1.1 200 OK\r\ndate: Wed, 25 Nov 2026 03:00:00 GMT\r\nserver: uvicorn\r\ncontent-length: 200\r\ncontent-type: application/json\r\n\r\n${"y".repeat(200)}`,
);
const body = chatBody(BODY_BYTES, false);
const headers = {
  host: "127.0.0.1:8080",
  connection: "keep-alive",
  "content-type": "application/json",
  "content-length": String(body.length),
  authorization: "Bearer sk-0123456789abcdef0123456789",
  "user-agent": "bench/1",
  accept: "*/*",
};
// As much of Bun's server as a request asks of it.
const server = {
  requestIP: () => ({ address: "127.0.0.1", family: "IPv4", port: 1 }),
  timeout() {},
} as unknown as Server<undefined>;

const desk: AnswerDesk = {
  answered(_client, { status }) {
    if (status !== 200) fail(`status ${status}`);
  },
};

const now = (): number => performance.now();
const rounds = Number(process.argv[2] ?? 5);
const subjects = LOGS.map(([name, log]) => ({ name, ...setUp(log), costs: new Array<number>() }));
for (const { proxy, recorder } of subjects) await serve(proxy, recorder);
for (let round = 0; round < rounds; round++) {
  for (const { proxy, recorder, costs } of subjects) {
    const before = process.cpuUsage();
    await serve(proxy, recorder);
    const { user, system } = process.cpuUsage(before);
    costs.push((user + system) / REQUESTS);
  }
}
for (const { name, costs } of subjects) {
  const sorted = costs.toSorted((a, b) => a - b);
  const cell = (value: number | undefined): string => (value ?? Number.NaN).toFixed(1).padStart(7);
  console.log(`${name.padEnd(28)} least ${cell(sorted[0])}  median ${cell(sorted[sorted.length >> 1])} µs a request`);
}
process.exit();

function setUp(log: Record<string, boolean>): { readonly proxy: ProxyContext; readonly recorder: ThreadRecorder } {
  const options = schedulerOptions.parse({});
  const scheduler = new Scheduler({ name: "measured", options, random: createRandom(1) });
  const snapshot = fleet(4);
  scheduler.update(snapshot, now());
  const upstream = new UpstreamClient({
    connectTimeoutMs: 0,
    firstByteTimeoutMs: 0,
    idleTimeoutMs: 0,
    totalTimeoutMs: 0,
    maxIdleConnections: AT_ONCE,
    keepAliveMs: NEVER_MS,
  });
  for (const { instance } of snapshot.members) {
    const pool = upstream.pool(originOf(instance));
    for (let i = 0; i < AT_ONCE; i++) pool.put(answeringConnection(), now());
  }
  const recorder = new ThreadRecorder({
    log: logOptions.parse(log),
    onLines: () => {},
    onCrash: fail,
    onFailure: fail,
  });
  const proxy: ProxyContext = {
    prompts: new Prompts(1, fail).reader(options),
    dispatcher: scheduler,
    upstream,
    recorder,
    retryBudget: new RetryBudget({ share: 0.1, perSecond: 3 }, now()),
    limits: { maxBodyBytes: 1e6, retries: 1, writeTimeoutMs: 0 },
    splitwise: false,
    now,
    random: createRandom(2),
    requestLines: () => recorder.requestLines(),
    answerLocally: fail,
  };
  return { proxy, recorder };
}

/** Its socket takes a request and answers in the next turn of the event loop. */
function answeringConnection(): Connection {
  const socket = {
    write(bytes: Uint8Array): number {
      setImmediate(() => connection.received(Buffer.from(ANSWER)));
      return bytes.length;
    },
    pause() {},
    resume() {},
    terminate() {},
  };
  const connection = new Connection(socket as unknown as Socket<Connection>);
  return connection;
}

async function serve(proxy: ProxyContext, recorder: ThreadRecorder): Promise<void> {
  let left = REQUESTS;
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      while (left-- > 0) {
        const request = new Request("http://127.0.0.1:8080/v1/chat/completions", { method: "POST", body, headers });
        await handle(new ServeDownstream(request, server, desk), proxy);
      }
    }),
  );
  recorder.flushLines();
}

function fail(problem: unknown): never {
  throw new Error(`a request of the benchmark failed: ${String(problem)}`);
}
