import { afterAll, describe, expect, test } from "bun:test";
import { TokenizerService, tokenizerUrl } from "../../src/proxy/tokenizer.ts";
import { UpstreamClient } from "../../src/upstream/client.ts";

const upstream = new UpstreamClient({
  connectTimeoutMs: 1000,
  firstByteTimeoutMs: 0,
  idleTimeoutMs: 0,
  totalTimeoutMs: 0,
  maxIdleConnections: 4,
  keepAliveMs: 1000,
});
/** What the service under test was asked, and how it answers, by path. */
const asked: { path: string; type: string | null; body: unknown }[] = [];
const server = Bun.serve({
  port: 0,
  hostname: "127.0.0.1",
  async fetch(request) {
    const { pathname, search } = new URL(request.url);
    asked.push({ path: pathname + search, type: request.headers.get("content-type"), body: await request.json() });
    switch (pathname) {
      case "/tokenize":
        return Response.json({ input_ids: [1, 20, 300] });
      case "/status":
        return new Response("oops", { status: 500 });
      case "/redirect":
        return new Response(null, { status: 302, headers: { location: "/tokenize" } });
      case "/slow":
        return new Promise<Response>(() => undefined);
      default:
        return new Response(decodeURIComponent(search.slice(1)));
    }
  },
});

/** Sends the head and a part of the body, and then nothing more. */
const stalling = Bun.listen({
  hostname: "127.0.0.1",
  port: 0,
  socket: { data: (socket) => void socket.write('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{"input') },
});

afterAll(async () => {
  stalling.stop(true);
  upstream.close();
  await server.stop(true);
});

function service(path: string, timeoutMs = 2000): TokenizerService {
  return new TokenizerService(`127.0.0.1:${server.port}${path}`, timeoutMs, upstream);
}

/** Why the service of which the answer's body is `body` is not believed. */
async function problemOf(body: string): Promise<string> {
  const result = await service(`/answer?${encodeURIComponent(body)}`).tokenize("x");
  return result.ok ? "" : result.problem;
}

test.each([
  ["10.0.0.1:8080", "http://10.0.0.1:8080/tokenize"],
  ["tokens.example", "http://tokens.example/tokenize"],
  ["http://a:1/", "http://a:1/tokenize"],
  ["http://a:1/tok", "http://a:1/tok"],
  ["https://example.com?token=abc", "https://example.com/tokenize?token=abc"],
  ["a:1/x?y=z#part", "http://a:1/x?y=z#part"],
  ["[::1]:8080", "http://[::1]:8080/tokenize"],
])("%s means %s", (text, url) => {
  expect(tokenizerUrl(text)?.href).toBe(url);
});

test("what is no URL of a service fails each call with that reason", async () => {
  for (const url of ["ftp://a/b", "http://", "::"]) {
    const result = await new TokenizerService(url, 100, upstream).tokenize("x");
    expect(result).toMatchObject({ ok: false, problem: expect.stringContaining("build tokenizer request failed: ") });
  }
});

test("the prompt goes out three times, and the token ids come back", async () => {
  const text = 'say "你好"';
  expect(await service("?a=b").tokenize(text)).toEqual({ ok: true, tokens: [1, 20, 300] });
  expect(asked.at(-1)).toEqual({
    path: "/tokenize?a=b",
    type: "application/json",
    body: { text, prompt: text, message: text },
  });
});

describe("a failure says what failed", () => {
  test("status of 300 and more, with the answer's text", async () => {
    expect(await service("/status").tokenize("x")).toEqual({
      ok: false,
      problem: "tokenizer response status 500: oops",
    });
    expect(await service("/redirect").tokenize("x")).toEqual({ ok: false, problem: "tokenizer response status 302: " });
  });

  test("an answer without tokens, or that is none", async () => {
    const missing = "parse tokenizer response failed: tokenizer response missing tokens";
    for (const body of ["{}", '{"input_ids":[]}', '{"input_ids":null}', '{"tokens":[1]}']) {
      expect(await problemOf(body)).toBe(missing);
    }
    const unmarshal = "parse tokenizer response failed: tokenizer response unmarshal failed: ";
    for (const body of [
      "",
      "nonsense",
      "[1]",
      "null",
      '{"input_ids":["a"]}',
      '{"input_ids":[1.5]}',
      '{"input_ids":7}',
    ]) {
      expect(await problemOf(body)).toStartWith(unmarshal);
    }
  });

  test("a clock that runs out before or within the answer", async () => {
    const url = `http://127.0.0.1:${server.port}/slow`;
    expect(await service("/slow", 30).tokenize("x")).toEqual({
      ok: false,
      problem: `tokenizer request failed: Post "${url}": context deadline exceeded (Client.Timeout exceeded while awaiting headers)`,
    });
    const half = await new TokenizerService(`127.0.0.1:${stalling.port}`, 60, upstream).tokenize("x");
    expect(half).toMatchObject({ ok: false, problem: expect.stringContaining("read tokenizer response failed: ") });
  });

  test("nobody there", async () => {
    const result = await new TokenizerService("127.0.0.1:1", 500, upstream).tokenize("x");
    expect(result).toMatchObject({
      ok: false,
      problem: expect.stringContaining('tokenizer request failed: Post "http://127.0.0.1:1/tokenize": connect: '),
    });
  });
});

test("a slow call holds up no other one", async () => {
  const slow = service("/slow", 400).tokenize("x");
  let slowEnded = false;
  void slow.then(() => (slowEnded = true));
  const quick = await Promise.all(Array.from({ length: 20 }, () => service("").tokenize("x")));
  expect(quick.every(({ ok }) => ok)).toBe(true);
  expect(slowEnded).toBe(false);
  expect(await slow).toMatchObject({ ok: false });
});
