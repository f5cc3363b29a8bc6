/** What an engine receives of a request, and what the client gets of its answer. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import type { Script } from "../corpus.ts";
import type { GoldenEngine } from "../engine.ts";
import { headerOf } from "../wire.ts";
import { CHAT, HELLO, HELLO_STREAM, RunningRouter, startEngine, type PlainAnswer } from "./running-router.ts";

let router: RunningRouter;
let engine: GoldenEngine;

beforeAll(async () => {
  [router, engine] = await Promise.all([RunningRouter.start(), startEngine()]);
  expect((await router.register(engine)).status).toBe(200);
}, 60_000);
afterAll(async () => {
  engine.stop();
  await router.stop();
});
beforeEach(() => {
  engine.received = [];
});

const EVENTS = "data: a\n\ndata: [DONE]\n\n";

function answers(...script: Script): void {
  engine.answers = [script];
}

function plain(status: string, fields: readonly string[], body: string): void {
  const head = [`HTTP/1.1 ${status}`, ...fields, `Content-Length: ${Buffer.byteLength(body)}`].join("\r\n");
  answers({ send: `${head}\r\n\r\n${body}` });
}

function chunk(text: string): string {
  return `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;
}

const STREAM_HEAD = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
const post = (body = HELLO, fields: readonly string[] = [], path = CHAT): Promise<PlainAnswer> =>
  router.send("POST", path, body, fields);

describe("what the engine receives", () => {
  beforeEach(() => plain("200 OK", ["Content-Type: application/json"], "{}"));

  test.each([
    HELLO,
    ' { "messages" : [ ] } ',
    '{"seed":9007199254740993,"b":1.0,"a":1e5}',
    '{"a":1,"a":2}',
    '{"t":"日本語 \\u003c <>&"}',
    '{"prompt":"p"}',
    "{}",
  ])("the body %s byte for byte", async (body) => {
    expect((await post(body)).status).toBe(200);
    expect(engine.received.map((request) => request.body.toString())).toEqual([body]);
  });

  test.each<[from: string, to: string]>([
    [CHAT, "POST /v1/chat/completions HTTP/1.1"],
    ["/v1/completions", "POST /v1/completions HTTP/1.1"],
    [`${CHAT}?a=1`, "POST /v1/chat/completions HTTP/1.1"],
    ["/v1/chat%2Fcompletions", "POST /v1/chat/completions HTTP/1.1"],
  ])("for %s: %s (B3)", async (from, to) => {
    await post(HELLO, [], from);
    expect(engine.received[0]?.head.split("\r\n")[0]).toBe(to);
  });

  test.each<[field: string, value: string]>([
    ["authorization", "Bearer k"],
    ["x-request-id", "r-1"],
    ["accept-encoding", "br"],
    ["user-agent", "curl/8"],
    ["x_bd_logid", "t"],
    ["content-type", "text/plain"],
    ["x-forwarded-for", "10.0.0.1"],
    ["cookie", "a=b; c=d"],
  ])("the field %s", async (field, value) => {
    await post(HELLO, [`${field}: ${value}`]);
    expect(headerOf(engine.received[0]?.head ?? "", field)).toBe(value);
  });

  test.each<[field: string, value: string]>([
    ["connection", "keep-alive"],
    ["keep-alive", "timeout=5"],
    ["te", "trailers"],
    ["upgrade", "h2c"],
    ["proxy-authorization", "Basic x"],
    ["proxy-connection", "keep-alive"],
    ["expect", "100-continue"],
    ["trailer", "x-t"],
  ])("not the hop-by-hop field %s (B33)", async (field, value) => {
    await post(HELLO, [`${field}: ${value}`]);
    expect(headerOf(engine.received[0]?.head ?? "", field)).toBeNull();
  });

  test("not a field that Connection names", async () => {
    await post(HELLO, ["Connection: X-Private", "X-Private: 1"]);
    expect(headerOf(engine.received[0]?.head ?? "", "x-private")).toBeNull();
  });

  test("its own Host, and no field that the client did not send", async () => {
    await post();
    const head = engine.received[0]?.head ?? "";
    expect(headerOf(head, "host")).toBe(`127.0.0.1:${engine.port}`);
    expect(headerOf(head, "user-agent")).toBeNull();
    expect(headerOf(head, "accept-encoding")).toBeNull();
    expect(headerOf(head, "content-length")).toBe(String(HELLO.length));
  });

  test("a chunked body with its length", async () => {
    const head = `POST ${CHAT} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n`;
    await router.raw(`${head}${chunk(HELLO.slice(0, 9))}${chunk(HELLO.slice(9))}0\r\n\r\n`);
    expect(engine.received[0]?.body.toString()).toBe(HELLO);
    expect(headerOf(engine.received[0]?.head ?? "", "content-length")).toBe(String(HELLO.length));
  });
});

describe("what the client gets", () => {
  test.each([200, 201, 400, 401, 403, 404, 409, 413, 422, 429, 499, 500, 501, 503, 599])(
    "status %d (B1)",
    async (status) => {
      plain(`${status} Any`, ["Content-Type: application/json"], '{"error":{"message":"m"}}');
      for (const body of [HELLO, HELLO_STREAM]) {
        const answer = await post(body);
        expect([answer.status, answer.body]).toEqual([status, '{"error":{"message":"m"}}']);
      }
    },
  );

  test.each([301, 302, 307, 308])("a redirect %d, which is not followed", async (status) => {
    plain(`${status} Elsewhere`, ["Location: http://127.0.0.1:1/else"], "");
    const answer = await post();
    expect([answer.status, answer.headers.get("location")]).toEqual([status, "http://127.0.0.1:1/else"]);
  });

  test.each<[field: string, value: string | undefined]>([
    ["server", "uvicorn"],
    ["date", "Thu, 01 Jan 2026 00:00:00 GMT"],
    ["x-custom", "v"],
    ["content-encoding", "identity"],
    ["set-cookie", "a=b"],
    ["cache-control", "no-cache"],
    ["keep-alive", undefined],
    ["proxy-authenticate", undefined],
    ["x-router-prefill-url", undefined],
  ])("of the field %s: %s", async (field, value) => {
    plain("200 OK", ["Content-Type: application/json", `${field}: ${value ?? "x"}`], "{}");
    expect((await post()).headers.get(field)).toBe(value);
  });

  test("the name of the instance", async () => {
    plain("200 OK", ["Content-Type: application/json"], "{}");
    expect((await post()).headers.get("x-router-instance")).toBe(`http://127.0.0.1:${engine.port}`);
  });

  test.each([
    EVENTS,
    "data: a\r\n\r\ndata: [DONE]\r\n\r\n",
    "test response",
    "no newline at the end: [DONE]",
    "\n\n\n[DONE]",
    ": comment\n\ndata: [DONE]\n\n",
  ])("the stream %j unchanged (B16)", async (body) => {
    answers({ send: `${STREAM_HEAD}${chunk(body)}0\r\n\r\n` });
    for (const request of [HELLO, HELLO_STREAM]) expect((await post(request)).body).toBe(body);
  });

  test("events as they come, whatever `stream` says (B17)", async () => {
    answers({ send: `${STREAM_HEAD}${chunk("data: a\n\n")}` }, { hang: 3 });
    const answer = await router
      .raw(`POST ${CHAT} HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}`)
      .then((exchange) => exchange);
    expect("body" in answer ? answer.body.toString() : "").toStartWith("data: a\n\n");
  }, 15_000);

  test("a line of 11 MiB", async () => {
    const body = `data: ${"x".repeat(11 * 1024 * 1024)}\n\n`;
    answers({ send: `${STREAM_HEAD}${chunk(body)}0\r\n\r\n` });
    expect((await post(HELLO_STREAM)).body.length).toBe(body.length);
  });

  test("a cut stream as a cut one (B16)", async () => {
    answers({ send: `${STREAM_HEAD}${chunk("data: a\n\n")}` }, { sleep_ms: 50 }, { close: true });
    const answer = await post(HELLO_STREAM);
    expect(answer.framing).toBe("cut");
    expect(answer.body).toContain("data: a\n\n");
  });

  test("an answer of a given length that is cut as 502 (B16)", async () => {
    answers({ send: "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nab" }, { close: true });
    expect((await post()).status).toBe(502);
  });

  test.each([
    "nonsense\r\n\r\n",
    "HTTP/1.1 abc\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
  ])("for the malformed answer %j: 502, and the request only once (B8)", async (send) => {
    answers({ send }, { close: true });
    const answer = await post();
    expect([answer.status, answer.headers.get("content-type")]).toEqual([502, "application/json"]);
    expect(engine.received).toHaveLength(1);
  });

  test("for an instance that closes without a word: 502, and the request only once (B8)", async () => {
    // On a connection that was used before it would be replayed: the instance may have closed it while it was idle.
    const unpooled = await RunningRouter.start({ config: { server: { "upstream-keepalive-secs": 0 } } });
    try {
      await unpooled.register(engine);
      answers({ sleep_ms: 30 }, { close: true });
      const answer = await unpooled.send("POST", CHAT, HELLO);
      expect(answer.status).toBe(502);
      expect(JSON.parse(answer.body)).toMatchObject({
        error: { message: expect.stringMatching(/^Failed to connect to backend service: /) },
      });
      expect(engine.received.filter(({ head }) => head.startsWith("POST"))).toHaveLength(1);
    } finally {
      await unpooled.stop();
    }
  });
});

test("a call to abort requests goes to the instances, and is answered at once (B27)", async () => {
  const { status, body } = await router.send("POST", "/v1/abort_requests", '{"abort_all":true}');
  expect([status, body]).toEqual([200, ""]);
  for (let waitedMs = 0; waitedMs < 1000 && engine.received.length === 0; waitedMs += 10) await Bun.sleep(10);
  expect(engine.received.map((request) => [request.head.split("\r\n")[0], request.body.toString()])).toEqual([
    ["POST /v1/abort_requests HTTP/1.1", '{"abort_all":true}'],
  ]);
});

describe("an instance that is gone", () => {
  test("is replaced by another one before the client notices (B7)", async () => {
    const [other, dead, alive] = await Promise.all([RunningRouter.start(), startEngine(), startEngine()]);
    try {
      await Promise.all([other.register(dead), other.register(alive)]);
      dead.stop();
      const statuses = await Promise.all(
        Array.from({ length: 6 }, async () => (await other.send("POST", CHAT, HELLO)).status),
      );
      expect(statuses).toEqual([200, 200, 200, 200, 200, 200]);
    } finally {
      alive.stop();
      await other.stop();
    }
  }, 30_000);
});

describe("metrics", () => {
  test("count the real status, and requests by endpoint (B19)", async () => {
    plain("429 Slow down", ["Content-Type: application/json"], "{}");
    await post();
    const { body } = await router.send("GET", "/metrics");
    const labels = `decode_worker="",mixed_worker="http://127.0.0.1:${engine.port}",prefill_worker="",status_code="429"`;
    expect(body).toContain(`inference_requests_total{${labels}}`);
    expect(body).toMatch(
      /http_requests_total\{endpoint="\/v1\/chat\/completions",method="POST",status_code="429"\} \d/,
    );
    expect(body).toContain("\nrouter_cache_request_total 0\n");
  });
});
