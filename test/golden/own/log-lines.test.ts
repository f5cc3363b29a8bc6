/** The lines of a request, as the published analysis scripts read them. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { GoldenEngine } from "../engine.ts";
import { CHAT, HELLO, RunningRouter, startEngine } from "./running-router.ts";

let router: RunningRouter;
let engine: GoldenEngine;
let url: string;

beforeAll(async () => {
  [router, engine] = await Promise.all([RunningRouter.start(), startEngine()]);
  url = `http://127.0.0.1:${engine.port}`;
  await router.linesOf(() => router.register(engine), 2);
}, 60_000);
afterAll(async () => {
  engine.stop();
  await router.stop();
});

const linesOf = (body: string, fields: readonly string[] = [], count = 5): Promise<readonly string[]> =>
  router.linesOf(() => router.send("POST", CHAT, body, fields), count);
const withoutLatency = (line: string): string => line.replace(/ (?:\d+(?:\.\d+)?(?:ms|µs|s|m))+ /, " {latency} ");

test("a request that goes well", async () => {
  expect((await linesOf(HELLO, [], 6)).map(withoutLatency)).toEqual([
    "[INFO] Parsing completed; starting worker selection.",
    `[INFO] select worker (mixed): ${url}, count: 1`,
    "[INFO] Request completed successfully.",
    `[INFO] release worker: ${url}, count: 0`,
    `[INFO] release prefill tokens: ${url}, tokens: 0`,
    `[INFO] [POST] ${CHAT} HTTP/1.1 200 {latency} 127.0.0.1`,
  ]);
});

test("a request without a prompt has no tokens to give back", async () => {
  expect((await linesOf("{}")).join("\n")).not.toContain("tokens");
});

test.each<[body: string, fields: readonly string[], tags: string]>([
  ['{"req_id":"q"}', [], "[req_id:q] "],
  ['{"session_id":"s"}', [], "[session_id:s] "],
  ['{"extra_body":{"session_id":"e"}}', [], "[session_id:e] "],
  ['{"session_id":"s","extra_body":{"session_id":"e"}}', [], "[session_id:s] "],
  ['{"session_id":"","extra_body":{"session_id":"e"}}', [], "[session_id:e] "],
  ['{"session_id":5}', [], ""],
  ['{"req_id":7}', [], ""],
  ['{"req_id":"q","session_id":"s","request_id":"r"}', [], "[req_id:q] [session_id:s] "],
  ["{}", ["X_BD_LOGID: t"], "[trace_id:t] "],
  ["{}", ["X-BD-LOGID: t"], "[trace_id:t] "],
  ["{}", ["X-Request-Id: t"], "[trace_id:t] "],
  ["{}", ["X_BD_LOGID: t", "X-Request-Id: other"], "[trace_id:t] "],
  ["{}", [`traceparent: 00-${"a".repeat(32)}-${"b".repeat(16)}-01`], `[trace_id:${"a".repeat(32)}] `],
  ['{"session_id":"50% %d"}', [], "[session_id:50% %d] "],
  ['{"req_id":"a]b\\n[ERROR] forged"}', [], "[req_id:a\\u005db\\u000a[ERROR\\u005d forged] "],
])("%s %j is tagged %j in all its lines (B18, B42)", async (body, fields, tags) => {
  const lines = await linesOf(body, fields);
  expect(lines.length).toBe(5);
  for (const line of lines)
    expect(line).toStartWith(
      `[INFO] ${tags}${/^(?:Parsing|select|Request|release)/.exec(line.slice(7 + tags.length))?.[0] ?? "[POST]"}`,
    );
});

describe("errors", () => {
  test("JSON that is none", async () => {
    expect(await linesOf("{", [], 2)).toContain(
      "[ERROR] Failed to unmarshal request JSON: unexpected end of JSON input",
    );
  });

  test("a status of 400 and above is no success (B35)", async () => {
    const usual = engine.answers;
    engine.answers = [[{ send: "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n" }]];
    const lines = await linesOf(HELLO, [], 6);
    engine.answers = usual;
    expect(lines).toContain("[ERROR] Request completed with an error: status 500");
    expect(lines.join("\n")).not.toContain("successfully");
  });

  test("an empty fleet", async () => {
    const empty = await RunningRouter.start();
    try {
      const lines = await empty.linesOf(() => empty.send("POST", CHAT, HELLO), 4);
      expect(lines).toContain("[ERROR] Failed to select mixed worker: no healthy workers available");
      expect(lines).toContain("[ERROR] Failed to select worker: no healthy workers available");
    } finally {
      await empty.stop();
    }
  }, 30_000);
});

test.each<[field: string, ip: string]>([
  ["X-Forwarded-For: 10.1.2.3, 10.4.5.6", "10.1.2.3"],
  ["X-Forwarded-For: 10.1.2.3, bad", "127.0.0.1"],
  ["X-Real-IP: 10.7.8.9", "10.7.8.9"],
  ["X-Real-IP: bad", "127.0.0.1"],
])("with %s the access line ends with %s", async (field, ip) => {
  const lines = await router.linesOf(() => router.send("GET", "/registered_number", null, [field]), 1);
  expect(lines[0]).toEndWith(` ${ip}`);
});

test.each<[log: object, wanted: readonly string[], count: number]>([
  [{ level: "error" }, [], 0],
  [{ "request-lines": false }, ["[INFO] [POST]"], 1],
  [{ access: false, "request-lines": false }, [], 0],
])(
  "%j writes %j",
  async (log, wanted, count) => {
    const quiet = await RunningRouter.start({ config: { log } });
    const own = await startEngine();
    try {
      await quiet.linesOf(() => quiet.register(own), 2);
      const lines = await quiet.linesOf(() => quiet.send("POST", CHAT, HELLO), Math.max(1, count));
      expect(lines.map((line) => line.slice(0, 13))).toEqual([...wanted]);
    } finally {
      own.stop();
      await quiet.stop();
    }
  },
  30_000,
);
