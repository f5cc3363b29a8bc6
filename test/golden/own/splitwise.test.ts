/** Prefill and decode on separate instances. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import type { GoldenEngine } from "../engine.ts";
import { CHAT, HELLO, RunningRouter, startEngine, type PlainAnswer } from "./running-router.ts";

let router: RunningRouter;
let prefill: GoldenEngine;
let decode: GoldenEngine;

beforeAll(async () => {
  [router, prefill, decode] = await Promise.all([
    RunningRouter.start({ splitwise: true, config: { manager: { "health-check-interval-secs": 3600 } } }),
    startEngine(),
    startEngine(),
  ]);
  const common = { transfer_protocol: ["ipc", "rdma"], device_ids: ["0", "1"] };
  await router.register(prefill, { role: "prefill", connector_port: 7001, ...common });
  await router.register(decode, { role: "decode", connector_port: "7002", rdma_ports: [7100], ...common });
}, 60_000);
afterAll(async () => {
  prefill.stop();
  decode.stop();
  await router.stop();
});
beforeEach(() => {
  for (const engine of [prefill, decode]) {
    engine.received = [];
    engine.answers = answer("200 OK", engine === prefill ? '{"from":"prefill"}' : '{"from":"decode"}');
  }
});

function answer(status: string, body: string): GoldenEngine["answers"] {
  return [
    [{ send: `HTTP/1.1 ${status}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}` }],
  ];
}

const post = (body: string): Promise<PlainAnswer> => router.send("POST", CHAT, body);
const sentTo = (engine: GoldenEngine): string => engine.received[0]?.body.toString() ?? "";

test("both get the same request, the client what decode answers, and both their names", async () => {
  const { status, body, headers } = await post(HELLO);
  expect([status, body]).toEqual([200, '{"from":"decode"}']);
  expect(sentTo(prefill)).toBe(sentTo(decode));
  expect(headers.get("x-router-prefill-url")).toBe(`http://127.0.0.1:${prefill.port}`);
  expect(headers.get("x-router-decode-url")).toBe(`http://127.0.0.1:${decode.port}`);
});

test("how the engines find each other", async () => {
  await post(HELLO);
  expect(JSON.parse(sentTo(decode))).toMatchObject({
    disaggregate_info: {
      prefill_ip: "127.0.0.1",
      decode_ip: "127.0.0.1",
      prefill_connector_port: 7001,
      decode_connector_port: 7002,
      decode_device_ids: ["0", "1"],
      decode_rdma_ports: ["7100"],
      transfer_protocol: "ipc",
      decode_tp_size: 2,
    },
    request_id: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-/),
  });
});

test.each([
  '{"seed":9007199254740993,"messages":[]',
  '{ "b" : 1.0 , "a" : 1e5',
  '{"t":"<>& \\u2028","z":1,"a":2',
  '{"logit_bias":{"123456789012345678901":1}',
])("the bytes of %s...} are left alone (B10)", async (begin) => {
  await post(`${begin}}`);
  expect(sentTo(decode)).toStartWith(begin);
});

describe("request ids", () => {
  test.each<[given: string, sent: unknown]>([
    ['"abc"', "abc"],
    ['"with space"', "with space"],
    ["7", "7"],
  ])("%s is sent as %j (B9)", async (given, sent) => {
    expect((await post(`{"request_id":${given}}`)).status).toBe(200);
    expect((JSON.parse(sentTo(decode)) as { readonly request_id: unknown }).request_id).toBe(sent);
  });

  test.each(["true", "[]", "{}"])("%s is 400 (B9)", async (given) => {
    expect((await post(`{"request_id":${given}}`)).status).toBe(400);
  });

  test("null is none: a fresh one is made (B9)", async () => {
    expect((await post('{"request_id":null}')).status).toBe(200);
    expect(sentTo(decode)).toMatch(/"request_id":"[0-9a-f-]{36}"/);
  });
});

describe("failures", () => {
  test.each([400, 404, 429, 500, 503])("decode's status %d is relayed (B1)", async (status) => {
    decode.answers = answer(`${status} Any`, '{"error":"d"}');
    expect((await post(HELLO)).status).toBe(status);
  });

  test.each([400, 429, 500])("prefill's status %d ends the request, decode is cancelled (B12)", async (status) => {
    prefill.answers = answer(`${status} Any`, '{"error":"p"}');
    decode.answers = [[{ hang: 5 }]];
    const started = performance.now();
    const { status: seen, body } = await post(HELLO);
    expect([seen, body]).toEqual([status, '{"error":"p"}']);
    expect(performance.now() - started).toBeLessThan(4000);
  });

  test("a prefill that closes does not leave decode waiting (B11)", async () => {
    prefill.answers = [[{ close: true }]];
    decode.answers = [[{ hang: 5 }]];
    const started = performance.now();
    expect((await post(HELLO)).status).toBe(502);
    expect(performance.now() - started).toBeLessThan(4000);
  });

  test("no prompt stands in the log, whatever breaks (B13)", async () => {
    prefill.answers = [[{ send: "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nab" }, { close: true }]];
    const lines = await router.linesOf(() => post(HELLO), 8);
    expect(lines.join("\n")).not.toContain("hello");
    expect(lines.length).toBeGreaterThan(4);
  });
});

test("without a decode instance it is 503 with a pause to wait", async () => {
  const empty = await RunningRouter.start({ splitwise: true });
  try {
    await empty.register(prefill, { role: "prefill" });
    const { status, body, headers } = await empty.send("POST", CHAT, HELLO);
    expect(status).toBe(503);
    expect(headers.has("retry-after")).toBe(true);
    expect(body).toContain("No available prefill/decode workers");
  } finally {
    await empty.stop();
  }
}, 30_000);
