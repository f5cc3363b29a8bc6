import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "bun:test";
import { runDemo } from "../../src/demo/demo.ts";
import { readDemoOptions, type DemoOptions } from "../../src/demo/options.ts";
import { Progress } from "../../src/demo/progress.ts";
import { reportJson } from "../../src/demo/report.ts";
import { UsageError } from "../../src/demo/usage-error.ts";

const SSE = { "content-type": "text/event-stream", "x-router-instance": "http://10.0.0.1:8001" };
const ANSWER = [
  'data: {"choices":[{"delta":{"role":"assistant"}}]} ',
  'data: {"choices":[{"delta":{"content":" the"}}]}',
  "data: [DONE]",
  "",
].join("\n\n");

interface SeenBody {
  readonly max_tokens: number;
}

/** A router with two instances that answers at once; `refuse` says which request, counted from 0, gets a 503. */
function fakeRouter(refuse: (index: number) => boolean = () => false) {
  const bodies: SeenBody[] = [];
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    development: false,
    async fetch(request) {
      const { pathname } = new URL(request.url);
      if (pathname === "/registered") {
        const mixed = [8001, 8002].map((port) => ({ url: `http://10.0.0.1:${port}`, worker_type: "mixed" }));
        return Response.json({ decode: [], mixed, prefill: [] });
      }
      if (pathname !== "/v1/chat/completions") return new Response("", { status: 404 });
      const index = bodies.length;
      bodies.push(JSON.parse(await request.text()));
      return refuse(index) ? new Response("{}", { status: 503 }) : new Response(ANSWER, { headers: SSE });
    },
  });
  afterAll(() => server.stop(true));
  return { url: server.url.origin, bodies };
}

function options(...args: string[]): DemoOptions {
  const read = readDemoOptions(["--duration-secs", "0.5", "--time-scale", "10", "--load", "0.5", ...args], []);
  if (read === null) throw new Error("help was asked for");
  return read;
}

function run(chosen: DemoOptions) {
  return runDemo(chosen, new Progress(() => performance.now()), new AbortController().signal);
}

async function sentLengths(seed: string): Promise<number[]> {
  const router = fakeRouter();
  await run(options("--router", router.url, "--seed", seed));
  return router.bodies.map((body) => body.max_tokens).toSorted((a, b) => a - b);
}

async function problemOf(chosen: DemoOptions): Promise<unknown> {
  try {
    return await run(chosen);
  } catch (error) {
    return error;
  }
}

test("a running router is asked for its instances and gets the planned requests, all of them", async () => {
  const router = fakeRouter();
  const report = await run(options("--router", router.url));
  expect(report).toMatchObject({ instances: 2, workers: null, timeScale: 10 });
  // At least what was asked for; the last request may overshoot.
  expect(report.load).toBeGreaterThanOrEqual(0.5);
  expect(report.load).toBeLessThan(0.7);
  const [result] = report.policies;
  expect(result).toMatchObject({ policy: "router", errors: 0, requests: router.bodies.length });
  expect(router.bodies.length).toBeGreaterThan(5);
  expect(result?.instances.map((instance) => instance.name)).toEqual(["http://10.0.0.1:8001", "http://10.0.0.1:8002"]);
  expect(result?.instances.map((instance) => instance.share)).toEqual([1, 0]);
  expect(result?.ttftMs.p50).toBeGreaterThan(0);
});

test("the same seed sends the same requests, another seed others", async () => {
  const [first, again, other] = await Promise.all(["5", "5", "6"].map(sentLengths));
  expect(again).toEqual(first);
  expect(other).not.toEqual(first);
});

test("refused requests are errors in the report", async () => {
  const router = fakeRouter((index) => index % 2 === 0);
  const json = reportJson(await run(options("--router", router.url)));
  const half = Math.ceil(router.bodies.length / 2);
  expect(json).toMatchObject({ errors: half, policies: { router: { failures: { "status 503": half } } } });
});

test("a router that does not answer, or has no instances, is refused before anything is sent", async () => {
  const server = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => Response.json({ mixed: [] }) });
  const url = server.url.origin;
  expect(await problemOf(options("--router", url))).toEqual(
    new UsageError(`cannot replay against ${url}: it has no mixed instance`),
  );
  await server.stop(true);
  expect(await problemOf(options("--router", url))).toEqual(
    new UsageError(`cannot replay against ${url}: it does not answer GET /registered`),
  );
});

test("a trace that is too short for the load says so", async () => {
  const router = fakeRouter();
  const path = join(tmpdir(), `short-${process.pid}.csv`);
  await Bun.write(path, "t_ms,client,input_tokens,output_tokens\n1,1,5,5\n2,1,5,5\n");
  const error = await problemOf(options("--router", router.url, "--trace", path));
  await Bun.file(path).delete();
  expect(error).toHaveProperty("message", expect.stringContaining(".csv has too few requests for 2 instances"));
  expect(router.bodies).toEqual([]);
});
