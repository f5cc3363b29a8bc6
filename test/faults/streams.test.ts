/** Catalogue C, streams: what passes through unchanged, and what a client that leaves brings about. */
import { afterEach, describe, expect, test } from "bun:test";
import { chunk, LAST_CHUNK, sseHead } from "../upstream/support/raw-server.ts";
import { until } from "../upstream/support/until.ts";
import { ask, chat, RawClient } from "./support/raw-client.ts";
import { front, instance, stopAll } from "./support/servers.ts";

afterEach(stopAll);

describe("streams", () => {
  const EVENTS = 'data: {"t":"é"}\n\ndata: 2\r\n\r\n: comment\n\ndata: [DONE]\n\n';
  const utf8 = Buffer.from(EVENTS).toString("latin1");

  test("U33 one byte at a time: every byte arrives, in order", async () => {
    const server = instance((peer) => {
      peer.write(sseHead());
      const bytes = (chunk(utf8) + LAST_CHUNK).split("");
      const next = (): void => {
        const byte = bytes.shift();
        if (byte === undefined) return;
        peer.write(byte);
        setImmediate(next);
      };
      next();
    });
    const router = front([server]);
    const answer = await ask(router.port, chat('{"stream":true}'));
    expect(answer?.body).toBe(utf8);
    expect(router.counter("request_errors")).toBe(0);
  });

  test("U34 an event of 1 MB, and a character split between two segments, pass unchanged", async () => {
    const big = `data: ${"x".repeat(1_000_000)}\n\n`;
    const server = instance((peer) => {
      const coded = sseHead() + chunk(big) + chunk(utf8) + LAST_CHUNK;
      const cut = coded.indexOf("\xc3") + 1;
      peer.write(coded.slice(0, cut));
      setTimeout(() => peer.write(coded.slice(cut)), 10);
    });
    const answer = await ask(front([server]).port, chat('{"stream":true}'));
    expect(answer?.body === big + utf8).toBe(true);
  });

  test("U35 a stream that ends without [DONE] ends the same way, and is counted", async () => {
    const server = instance((peer) => peer.write(sseHead() + chunk("data: {}\n\ndata: {}\n\n") + LAST_CHUNK));
    const router = front([server]);
    expect((await ask(router.port, chat('{"stream":true}')))?.status).toBe(200);
    expect(router.counter("request_errors", "stream_truncated")).toBe(1);
  });

  test("U27 an error within a 200 stream is passed on, and counted", async () => {
    const server = instance((peer) =>
      peer.write(sseHead() + chunk('data: {"error":{"message":"x"}}\n\n') + chunk("data: [DONE]\n\n") + LAST_CHUNK),
    );
    const router = front([server]);
    expect((await ask(router.port, chat('{"stream":true}')))?.body).toContain('"error"');
    expect(router.counter("request_errors", "stream_error")).toBe(1);
  });

  test("an HTTP/1.0 client gets a stream without chunk framing, until the close", async () => {
    const server = instance((peer) =>
      peer.write(sseHead() + chunk("data: 1\n\n") + chunk("data: [DONE]\n\n") + LAST_CHUNK),
    );
    const client = await RawClient.connect(front([server]).port);
    client.send('POST /v1/chat/completions HTTP/1.0\r\nContent-Length: 15\r\n\r\n{"stream":true}');
    const text = await client.untilClosed();
    expect(text).toEndWith("\r\n\r\ndata: 1\n\ndata: [DONE]\n\n");
    expect(text).not.toMatch(/chunked/i);
  });

  test("each event is passed on when it comes", async () => {
    let next: (text: string) => void = () => undefined;
    const server = instance((peer) => {
      next = (text) => peer.write(text);
      peer.write(sseHead() + chunk("data: 1\n\n"));
    });
    const client = await RawClient.connect(front([server]).port);
    client.send(chat('{"stream":true}'));
    await client.until(({ received }) => received.includes("data: 1"), "the first event");
    next(chunk("data: 2\n\n"));
    await client.until(({ received }) => received.includes("data: 2"), "the second event");
    next(chunk("data: [DONE]\n\n") + LAST_CHUNK);
    await client.untilAnswers(1);
    client.end();
  });
});

describe("clients that leave", () => {
  test("before the answer, in the stream, or by half-close: the instance sees the end, counts return to 0, the line says 499 or 200", async () => {
    const server = instance((peer, { body }) => {
      if (body.includes("true")) peer.write(sseHead() + chunk("data: 1\n\n"));
    });
    const router = front([server]);
    for (const [body, leave] of [
      ["{}", "reset"],
      ["{}", "end"],
      ["{}", "halfClose"],
      ['{"stream":true}', "reset"],
      ['{"stream":true}', "halfClose"],
    ] as const) {
      const client = await RawClient.connect(router.port);
      client.send(chat(body));
      await until(
        () =>
          server.open.size === 1 && (body === "{}" ? server.requests.length > 0 : client.received.includes("data: 1")),
        "the request",
      );
      client[leave]();
      await until(() => server.open.size === 0, `the end of the upstream connection after ${leave}`);
      await until(() => router.inFlight === 0, "nothing in flight");
      server.requests.length = 0;
    }
    expect(router.counter("http_requests_total", 'status_code="499"')).toBe(3);
    expect(router.counter("http_requests_total", 'status_code="200"')).toBe(2);
    expect(router.counter("request_errors", "client_gone")).toBe(5);
    expect(router.crashes()).toEqual([]);
  });
});
