/** Catalogue B: limits and slow peers. Row ids of the catalogue stand in the names. */
import { afterEach, describe, expect, test } from "bun:test";
import type { ProxyOptions } from "../../src/proxy/options.ts";
import {
  answerText,
  chunk,
  LAST_CHUNK,
  sseHead,
  type RawScript,
  type RawServer,
} from "../upstream/support/raw-server.ts";
import { until } from "../upstream/support/until.ts";
import type { Front } from "./support/front.ts";
import { answers, ask, chat, RawClient } from "./support/raw-client.ts";
import { front, good, instance, stopAll } from "./support/servers.ts";

afterEach(stopAll);

function serve(script: RawScript, proxy: Partial<ProxyOptions> = {}): { server: RawServer; router: Front } {
  const server = instance(script);
  return { server, router: front([server], proxy) };
}

describe("sizes", () => {
  test("L07 a target over 8 KB: 414; just below: taken", async () => {
    const { server, router } = serve(good);
    expect((await ask(router.port, chat("{}", [], `/v1/chat/completions?${"q".repeat(9000)}`)))?.status).toBe(414);
    expect(server.requests).toHaveLength(0);
    expect((await ask(router.port, chat("{}", [], `/v1/chat/completions?${"q".repeat(8000)}`)))?.status).toBe(200);
  });

  test("L08 fields of 15 KB are taken, of 64 KB are 431", async () => {
    const { router } = serve(good);
    expect((await ask(router.port, chat("{}", [`X: ${"a".repeat(15_000)}`])))?.status).toBe(200);
    expect(await refusal(router, chat("{}", [`X: ${"a".repeat(65_000)}`]))).toBe(431);
  });

  test("L09 250 fields are 431", async () => {
    const { router } = serve(good);
    const fields = Array.from({ length: 250 }, (_, i) => `X${i}: 1`);
    expect(await refusal(router, chat("{}", fields))).toBe(431);
  });

  test("L10 a declared length above the cap is answered 413 before the body is read, and closed", async () => {
    const { server, router } = serve(good, { "max-body-bytes": 1000 });
    const client = await RawClient.connect(router.port);
    client.send("POST /v1/chat/completions HTTP/1.1\r\nHost: r\r\nContent-Length: 1001\r\n\r\n");
    const [answer] = answers(await client.untilClosed());
    expect(answer?.status).toBe(413);
    expect(answer?.body).toContain("body_too_large");
    expect(server.connections).toBe(0);
  });

  test("L11 a chunked body above the cap is answered 413 while it comes, and closed", async () => {
    const { server, router } = serve(good, { "max-body-bytes": 1000 });
    const client = await RawClient.connect(router.port);
    client.send("POST /v1/chat/completions HTTP/1.1\r\nHost: r\r\nTransfer-Encoding: chunked\r\n\r\n");
    const part = chunk("a".repeat(600));
    client.send(part);
    await Bun.sleep(10);
    client.send(part);
    expect(answers(await client.untilClosed())[0]?.status).toBe(413);
    expect(server.connections).toBe(0);
  });

  test("a body of exactly the cap passes, with a length and chunked", async () => {
    const { server, router } = serve(good, { "max-body-bytes": 1000 });
    const body = `{"a":"${"x".repeat(992)}"}`;
    expect((await ask(router.port, chat(body)))?.status).toBe(200);
    const head = "POST /v1/chat/completions HTTP/1.1\r\nHost: r\r\nTransfer-Encoding: chunked\r\n\r\n";
    expect((await ask(router.port, head + chunk(body) + LAST_CHUNK))?.status).toBe(200);
    expect(server.requests.map((request) => request.body)).toEqual([body, body]);
  });

  test("L17 a compressed body is not inflated: it is no JSON", async () => {
    const { router } = serve(good);
    const packed = Buffer.from(Bun.gzipSync(Buffer.alloc(1_000_000, 32))).toString("latin1");
    const head = `POST /v1/chat/completions HTTP/1.1\r\nHost: r\r\nContent-Encoding: gzip\r\nContent-Length: ${packed.length}\r\n\r\n`;
    expect((await ask(router.port, head + packed))?.status).toBe(400);
  });

  test.each([
    ["30 MB in one string", () => `{"prompt":"${"a".repeat(30_000_000)}"}`, 200],
    [
      "8 MB of messages",
      () => `{"messages":[${'{"role":"user","content":"hello there"},'.repeat(200_000)}{}],"stream":false}`,
      200,
    ],
    ["a depth of 100,000", () => `{"a":${"[".repeat(100_000)}${"]".repeat(100_000)}}`, 200],
    ["200,000 keys", () => `{${Array.from({ length: 200_000 }, (_, i) => `"k${i}":1`).join(",")}}`, 200],
  ])("L18 %s: is passed on", async (_, body, status) => {
    const { server, router } = serve(good);
    const text = body();
    const client = await RawClient.connect(router.port);
    client.send(chat(text));
    const answer = answers(await client.untilAnswers(1, 5000))[0];
    expect(answer?.status).toBe(status);
    expect(server.requests[0]?.body.length).toBe(text.length);
    client.end();
  });

  test("a large body reaches the instance byte for byte", async () => {
    const { server, router } = serve(good);
    const body = `{"messages":[{"content":"${"é\\u00e9\\n😀".repeat(20_000)}"}],"n":1.0,"seed":12345678901234567890}`;
    expect((await ask(router.port, Buffer.from(chat(body))))?.status).toBe(200);
    expect(server.requests[0]?.body === Buffer.from(body).toString("latin1")).toBe(true);
  });
});

async function refusal(router: Front, bytes: string): Promise<number> {
  const client = await RawClient.connect(router.port);
  client.send(bytes);
  return Number(/^HTTP\/1\.1 (\d+)/.exec(await client.untilClosed())?.[1]);
}

describe("slow peers", () => {
  test("L04 a body in many small pieces is taken", async () => {
    const { server, router } = serve(good);
    const client = await RawClient.connect(router.port);
    const body = `{"prompt":"${"a".repeat(200)}"}`;
    for (const [at, piece] of chat(body)
      .match(/[^]{1,20}/g)
      ?.entries() ?? []) {
      client.send(piece);
      if (at % 3 === 0) await Bun.sleep(1);
    }
    expect(answers(await client.untilAnswers(1))[0]?.status).toBe(200);
    expect(server.requests[0]?.body).toBe(body);
    client.end();
  });

  test("a client that leaves in the middle of its body costs nothing", async () => {
    const { server, router } = serve(good);
    for (const length of [100, 1_000_000]) {
      const client = await RawClient.connect(router.port);
      client.send(`POST /v1/chat/completions HTTP/1.1\r\nHost: r\r\nContent-Length: ${length}\r\n\r\n{"a":`);
      await Bun.sleep(10);
      client.reset();
    }
    await until(() => router.counter("http_requests_total", "499") === 2, "two records");
    expect(server.connections).toBe(0);
    expect(router.crashes()).toEqual([]);
  });

  test("L05, L06 an endless stream to a client that reads nothing: memory stays flat, and it is cut", async () => {
    const part = chunk(`data: ${"x".repeat(16_000)}\n\n`);
    let sent = 0;
    const { server, router } = serve(
      (peer) => {
        peer.write(sseHead());
        const more = setInterval(() => {
          // The kernel's buffers between the two are full when nothing moves any more.
          for (let i = 0; i < 20 && sent < 100_000_000; i++) {
            peer.write(part);
            sent += part.length;
          }
          if (!server.open.has(peer)) clearInterval(more);
        }, 1);
      },
      { "idle-timeout-secs": 0.5 },
    );
    const client = await RawClient.connect(router.port, { keep: false });
    client.send(chat('{"stream":true}'));
    await until(() => client.receivedBytes > 0, "the begin");
    client.pause();
    await until(() => server.open.size === 0, "the cut", 5000);
    // What the router had read in that time, as it counts itself.
    const relayed = router.counter("fd_router_response_bytes_total");
    expect(relayed).toBeLessThan(16_000_000);
    expect(router.inFlight).toBe(0);
    client.reset();
  }, 10_000);

  test("L05 a slow reader gets every byte", async () => {
    const payload = Array.from({ length: 300 }, (_, i) => `data: ${i} ${"y".repeat(20_000)}\n\n`).join("");
    const { router } = serve((peer) => peer.write(sseHead() + chunk(payload) + chunk("data: [DONE]\n\n") + LAST_CHUNK));
    const client = await RawClient.connect(router.port);
    client.send(chat('{"stream":true}'));
    for (let i = 0; i < 40; i++) {
      client.pause();
      await Bun.sleep(2);
      client.resume();
      await Bun.sleep(1);
    }
    const [answer] = answers(await client.untilAnswers(1));
    expect(answer?.body === `${payload}data: [DONE]\n\n`).toBe(true);
    client.end();
  });

  test("trap 7: clients that leave while their stream is stalled leave no paused connection in the pool", async () => {
    const part = chunk(`data: ${"x".repeat(60_000)}\n\n`);
    const { server, router } = serve((peer, { body }) => {
      peer.write(body.includes("true") ? sseHead() + part.repeat(100) + LAST_CHUNK : answerText("ok"));
    });
    for (let round = 0; round < 10; round++) {
      const client = await RawClient.connect(router.port, { keep: false });
      client.send(chat('{"stream":true}'));
      await until(() => client.receivedBytes > 0, "the begin");
      client.pause();
      await Bun.sleep(2);
      client.reset();
    }
    await until(() => router.inFlight === 0, "nothing in flight");
    const statuses = await Promise.all(
      Array.from({ length: 20 }, async () => (await ask(router.port, chat()))?.status),
    );
    expect(statuses).toEqual(Array(20).fill(200));
    expect(server.open.size).toBeLessThanOrEqual(20);
  });
});

describe("floods", () => {
  test("L14 requests that are reset at once: counts return to 0", async () => {
    const { server, router } = serve((peer, { body }) => {
      if (body.includes("true")) peer.write(sseHead() + chunk("data: 1\n\n"));
    });
    for (let round = 0; round < 20; round++) {
      const clients = await Promise.all(Array.from({ length: 50 }, () => RawClient.connect(router.port)));
      for (const [i, client] of clients.entries()) {
        client.send(chat(i % 2 === 0 ? "{}" : '{"stream":true}'));
        if (i % 3 === 0) client.reset();
      }
      await Bun.sleep(1);
      for (const client of clients) client.reset();
    }
    await until(() => server.open.size === 0, "no connection to the instance", 5000);
    await until(() => router.inFlight === 0, "nothing in flight");
    expect(router.crashes()).toEqual([]);
    server.script = good;
    expect((await ask(router.port, chat()))?.status).toBe(200);
  }, 10_000);

  test("L02, L14 connections that say nothing leave service for others as it is", async () => {
    const { router } = serve(good);
    const silent = await Promise.all(Array.from({ length: 300 }, () => RawClient.connect(router.port)));
    expect((await ask(router.port, chat()))?.status).toBe(200);
    for (const client of silent) client.reset();
  });

  test("L16 a thousand requests on one connection", async () => {
    const { server, router } = serve(good);
    const client = await RawClient.connect(router.port);
    for (let i = 1; i <= 1001; i++) {
      client.received = "";
      client.send(chat());
      await client.untilAnswers(1);
    }
    expect(client.closed).toBe(false);
    expect(server.requests).toHaveLength(1001);
    expect(server.connections).toBeLessThanOrEqual(2);
    client.end();
  });
});
