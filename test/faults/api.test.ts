/** Catalogue I: the API as clients see it. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { answerText, RawServer } from "../upstream/support/raw-server.ts";
import { Front } from "./support/front.ts";
import { ask, chat, type RawAnswer } from "./support/raw-client.ts";

const upstream = new RawServer((peer) => peer.write(answerText('{"ok":true}')));
let front: Front;

beforeAll(() => {
  front = new Front([upstream.port], { model: "ernie" });
});
beforeEach(() => {
  upstream.requests.length = 0;
});
afterAll(async () => {
  await front.stop();
  upstream.stop();
});

const send = (body: string | Uint8Array, fields: readonly string[] = []): Promise<RawAnswer | null> =>
  ask(
    front.port,
    Buffer.concat([
      Buffer.from(chat("", [`Content-Length: ${body.length}`, ...fields]).replace("Content-Length: 0\r\n", "")),
      Buffer.from(body as string),
    ]),
  );

describe("J01 what is no JSON object is refused in OpenAI's form", () => {
  test.each([
    ["empty", ""],
    ["not JSON", "hello"],
    ["cut", '{"a":'],
    ["NaN", '{"a":NaN}'],
    ["an array", "[]"],
    ["null", "null"],
    ["a byte-order mark", '\ufeff{"a":1}'],
    ["two objects", "{}{}"],
  ])("%s", async (_, body) => {
    const answer = await send(body === "" ? "" : Buffer.from(body));
    expect(answer?.status).toBe(400);
    const { error } = JSON.parse(answer?.body ?? "");
    expect([error.type, error.code]).toEqual(["invalid_request_error", "invalid_json"]);
    expect(error.message).toStartWith("Invalid JSON format: ");
    expect(upstream.requests).toHaveLength(0);
  });

  test("UTF-16", async () => {
    expect((await send(Buffer.from('{"a":1}', "utf16le")))?.status).toBe(400);
  });
});

describe("bytes of the body are the client's", () => {
  test.each([
    ["J02 duplicate keys", '{"stream":true,"stream":false,"model":"x","model":"ernie"}'],
    ["J03 a stream that is text", '{"stream":"true"}'],
    ["J03 a stream that is a number", '{"stream":1}'],
    ["J04 __proto__", '{"__proto__":{"model":"evil","stream":true},"constructor":1}'],
    ["J05 huge numbers", '{"n":1000000,"max_tokens":99999999999999999999999}'],
    ["J07 lone surrogates", '{"prompt":"\\ud800 \\udfff"}'],
  ])("%s", async (_, body) => {
    expect((await send(body))?.status).toBe(200);
    expect(upstream.requests[0]?.body).toBe(body);
    expect("model" in {}).toBe(false);
  });

  test("J07 10 MB of base64", async () => {
    const body = `{"messages":[{"content":[{"image_url":"data:${"A".repeat(10_000_000)}"}]}]}`;
    expect((await send(body))?.status).toBe(200);
    expect(upstream.requests[0]?.body === body).toBe(true);
  });

  test("J08 a wrong Content-Type and charset pass", async () => {
    expect((await send("{}", ["Content-Type: text/plain; charset=utf-16"]))?.status).toBe(200);
    expect(upstream.requests[0]?.head).toMatch(/content-type: text\/plain; charset=utf-16/i);
  });
});

describe("J06 models", () => {
  test("an unknown one is 404 in OpenAI's form, and no label", async () => {
    const answer = await send('{"model":"secret-name"}');
    expect(answer?.status).toBe(404);
    expect(JSON.parse(answer?.body ?? "").error.code).toBe("unknown_model");
    expect([...front.metrics().data.counters.keys()].join("\n")).not.toContain("secret-name");
  });
});

describe("J09 methods and paths", () => {
  test.each(["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH"])(
    "%s on a completion: 405 with Allow",
    async (method) => {
      const answer = await ask(
        front.port,
        `${method} /v1/completions HTTP/1.1\r\nHost: r\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`,
        1000,
      ).catch(() => null);
      // The answer to HEAD has a length and no body.
      if (method !== "HEAD") {
        expect(answer?.status).toBe(405);
        expect(answer?.head.toLowerCase()).toContain("allow: post");
        expect(JSON.parse(answer?.body ?? "").error.code).toBe("method_not_allowed");
      }
      expect(upstream.requests).toHaveLength(0);
    },
  );

  test("an unknown path outside /v1: the Go router's 404", async () => {
    for (const [method, path] of [
      ["GET", "/nothing"],
      ["POST", "/metrics"],
      ["GET", "/register"],
      ["GET", "/"],
    ]) {
      const answer = await ask(front.port, `${method} ${path} HTTP/1.1\r\nHost: r\r\nContent-Length: 0\r\n\r\n`);
      expect([answer?.status, answer?.body]).toEqual([404, "404 page not found"]);
      expect(answer?.head.toLowerCase()).toContain("content-type: text/plain");
    }
  });

  test("an unknown path below /v1: 404 in OpenAI's form", async () => {
    const answer = await ask(front.port, "POST /v1/embeddings HTTP/1.1\r\nHost: r\r\nContent-Length: 2\r\n\r\n{}");
    expect(answer?.status).toBe(404);
    expect(JSON.parse(answer?.body ?? "").error.message).toBe("404 page not found");
  });

  test("control requests are handed on with their query and body, and answered as the main thread says", async () => {
    const answer = await ask(front.port, 'POST /register?x=1 HTTP/1.1\r\nHost: r\r\nContent-Length: 7\r\n\r\n{"a":1}');
    expect([answer?.status, answer?.body]).toEqual([200, '{"ok":1}']);
    const request = front.messages.findLast((message) => message.kind === "control")?.request;
    expect(request).toMatchObject({ method: "POST", path: "/register", query: "x=1", peer: "127.0.0.1" });
    expect(Buffer.from(request?.body ?? []).toString()).toBe('{"a":1}');
  });

  test("no instance at all: 503 with Retry-After, and /ready says so while /health is fine", async () => {
    await using empty = new Front([]);
    const answer = await ask(empty.port, chat());
    expect([answer?.status, JSON.parse(answer?.body ?? "").error.code]).toEqual([503, "no_instance"]);
    expect(answer?.head).toMatch(/retry-after: [1-5]\r?$/im);
    const get = (path: string): Promise<RawAnswer | null> => ask(empty.port, `GET ${path} HTTP/1.1\r\nHost: r\r\n\r\n`);
    expect((await get("/health"))?.status).toBe(200);
    expect((await get("/ready"))?.status).toBe(503);
  });
});
