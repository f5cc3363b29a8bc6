/** Catalogue F: what hostile requests may do to logs and metrics; and G: what one broken request may do to the thread. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { answerText, RawServer } from "../upstream/support/raw-server.ts";
import { until } from "../upstream/support/until.ts";
import { Front } from "./support/front.ts";
import { ask, chat } from "./support/raw-client.ts";

const upstream = new RawServer((peer) => peer.write(answerText("{}")));
let front: Front;

beforeAll(() => {
  front = new Front([upstream.port]);
});
afterAll(async () => {
  await front.stop();
  upstream.stop();
});

async function nextLine(part: string): Promise<string> {
  const lines = (): string =>
    front.messages
      .flatMap((message) => (message.kind === "lines" ? [Buffer.from(message.lines).toString()] : []))
      .join("");
  await until(() => lines().includes(part), "the access line");
  return (
    lines()
      .split("\n")
      .findLast((line) => line.includes(part)) ?? ""
  );
}

describe("access lines", () => {
  test("have the Go router's form", async () => {
    await ask(front.port, chat("{}", [], "/v1/chat/completions?trace=7"));
    expect(await nextLine("trace=7")).toMatch(
      /^\[INFO\] \d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d logger\.go:79: \[POST\] \/v1\/chat\/completions\?trace=7 HTTP\/1\.1 200 [\d.]+(ns|µs|ms|s) 127\.0\.0\.1$/,
    );
  });

  test("O01 a hostile target stays one short line", async () => {
    await ask(front.port, `GET /o01%0a%1b[31m${"x".repeat(2000)} HTTP/1.1\r\nHost: r\r\n\r\n`);
    const line = await nextLine("/o01");
    expect(line.length).toBeLessThan(400);
    expect(line.split("").filter((character) => character < " " || character === "\x7f")).toEqual([]);
  });

  test("O05, S09 neither prompts nor credentials appear", async () => {
    await ask(
      front.port,
      chat(
        '{"prompt":"SECRET-PROMPT","model":"SECRET-MODEL"}',
        ["Authorization: Bearer SECRET-KEY"],
        "/v1/completions?o05",
      ),
    );
    await ask(front.port, chat('{"prompt":"SECRET-PROMPT', [], "/v1/completions?o05b"));
    await nextLine("o05b");
    expect(JSON.stringify(front.messages)).not.toContain("SECRET");
  });
});

describe("labels come from closed sets", () => {
  test("O02, O03 models, paths and methods of the client's choice make no series", async () => {
    for (let i = 0; i < 60; i++) {
      await ask(front.port, chat(`{"model":"m${i}"}`));
      await ask(front.port, `GET /path${i} HTTP/1.1\r\nHost: r\r\n\r\n`);
    }
    await ask(front.port, "PROPFIND /x HTTP/1.1\r\nHost: r\r\n\r\n");
    const series = [...front.metrics().data.counters.keys()].filter((name) => name.startsWith("http_requests_total"));
    expect(series.join("\n")).not.toMatch(/path\d|PROPFIND|m\d"/);
    expect(series).toContain('http_requests_total{endpoint="other",method="GET",status_code="404"}');
    expect(series.length).toBeLessThan(12);
  });
});

describe("D06 a mistake of ours in one request", () => {
  test("is 500 for that request only, and is reported", async () => {
    await using broken = new Front([upstream.port], {
      control: () => Promise.resolve({ status: 9999, contentType: "", body: "" }),
    });
    const answer = await ask(broken.port, "GET /registered HTTP/1.1\r\nHost: r\r\n\r\n");
    expect([answer?.status, JSON.parse(answer?.body ?? "")]).toEqual([
      500,
      { code: 500, msg: "Internal server error" },
    ]);
    expect(broken.crashes().join()).toContain("9999");
    expect((await ask(broken.port, chat()))?.status).toBe(200);
  });
});
