/** What a worker thread does beside requests: local answers, models, messages to the main thread, draining. */
import { afterEach, describe, expect, test } from "bun:test";
import { answerText, chunk, LAST_CHUNK, sseHead } from "../upstream/support/raw-server.ts";
import { until } from "../upstream/support/until.ts";
import { ask, chat, RawClient, type RawAnswer } from "../faults/support/raw-client.ts";
import { front, instance, stopAll } from "../faults/support/servers.ts";

afterEach(stopAll);

const get = (port: number, path: string): Promise<RawAnswer | null> =>
  ask(port, `GET ${path} HTTP/1.1\r\nHost: r\r\n\r\n`);

describe("/v1/models", () => {
  const list = (...ids: readonly string[]): string =>
    JSON.stringify({ object: "list", data: ids.map((id) => ({ id, object: "model" })) });

  test("is the union of what the instances serve, asked once in a while", async () => {
    const servers = [
      instance((peer) => peer.write(answerText(list("b", "a")))),
      instance((peer) => peer.write(answerText(list("b", "c")))),
    ];
    const router = front(servers);
    for (let i = 0; i < 3; i++) {
      const answer = await get(router.port, "/v1/models");
      expect(JSON.parse(answer?.body ?? "").data.map(({ id }: { id: string }) => id)).toEqual(["a", "b", "c"]);
    }
    expect(servers.map(({ requests }) => requests.length)).toEqual([1, 1]);
    router.setInstances([servers[0]?.port ?? 0]);
    expect(JSON.parse((await get(router.port, "/v1/models"))?.body ?? "").data).toHaveLength(2);
  });

  test("is not spoilt by instances that answer nonsense, an error, or nothing", async () => {
    const nonsense = ["not json", "null", '{"data":{}}', '{"data":[1,null,{"id":2}]}'].map((body) =>
      instance((peer) => peer.write(answerText(body))),
    );
    const broken = instance((peer) => peer.write(answerText("{}", "500 X")));
    const closing = instance((peer) => peer.end());
    const router = front([...nonsense, broken, closing, instance((peer) => peer.write(answerText(list("good"))))]);
    expect(
      JSON.parse((await get(router.port, "/v1/models"))?.body ?? "").data.map(({ id }: { id: string }) => id),
    ).toEqual(["good"]);
  });
});

describe("messages to the main thread", () => {
  test("load digests come by themselves, numbered, and follow the load", async () => {
    let finish: () => void = () => undefined;
    const server = instance((peer) => (finish = () => peer.write(answerText("{}"))));
    const router = front([server]);
    const digests = () => router.messages.flatMap((message) => (message.kind === "digest" ? [message.digest] : []));
    const client = await RawClient.connect(router.port);
    client.send(chat());
    await until(
      () => digests().some(({ loads }) => loads.some(({ inFlight }) => inFlight === 1)),
      "a digest with the request",
    );
    finish();
    await client.untilAnswers(1);
    await until(
      () =>
        digests()
          .at(-1)
          ?.loads.every(({ inFlight }) => inFlight === 0) === true,
      "a digest without it",
    );
    const numbers = digests().map(({ sequence }) => sequence);
    expect(numbers).toEqual([...new Set(numbers)].toSorted((a, b) => a - b));
    client.end();
  });

  test("figures come by themselves, pings are answered", async () => {
    const router = front([]);
    router.receive({ kind: "ping" });
    expect(router.messages.at(-1)).toEqual({ kind: "pong" });
    await until(() => router.messages.some(({ kind }) => kind === "metrics"), "figures");
  });

  test("an older snapshot that comes late changes nothing", async () => {
    const server = instance((peer) => peer.write(answerText("{}")));
    const router = front([server]);
    router.setInstances([server.port]);
    router.receive({ kind: "snapshot", snapshot: { version: 1, members: [] } });
    expect((await ask(router.port, chat()))?.status).toBe(200);
  });
});

describe("D01 a thread that is to end", () => {
  test("answers health checks 503, completes what runs, then says so", async () => {
    let finish: () => void = () => undefined;
    const server = instance((peer) => (finish = () => peer.write(chunk("data: [DONE]\n\n") + LAST_CHUNK)));
    const router = front([server]);
    const client = await RawClient.connect(router.port);
    const kept = await RawClient.connect(router.port);
    kept.send("GET /health HTTP/1.1\r\nHost: r\r\n\r\n");
    await kept.untilAnswers(1);
    client.send(chat('{"stream":true}'));
    await until(() => server.requests.length === 1, "the request");
    for (const peer of server.open) peer.write(sseHead() + chunk("data: 1\n\n"));
    await client.until(({ received }) => received.includes("data: 1"), "the begin");
    router.receive({ kind: "drain", noticeMs: 300 });
    kept.received = "";
    kept.send("GET /health HTTP/1.1\r\nHost: r\r\n\r\n");
    expect(await kept.untilAnswers(1)).toContain("503");
    await Bun.sleep(350);
    expect(router.messages.some(({ kind }) => kind === "drained")).toBe(false);
    finish();
    expect(await client.untilAnswers(1)).toContain("[DONE]");
    await until(() => router.messages.some(({ kind }) => kind === "drained"), "the end");
  });

  test("cut: a waiting client gets 503, a stream an error event and a break; nobody is to blame", async () => {
    const server = instance((peer, { body }) => {
      if (body.includes("true")) peer.write(sseHead() + chunk("data: 1\n\n"));
    });
    const router = front([server]);
    const waiting = await RawClient.connect(router.port);
    const streaming = await RawClient.connect(router.port);
    waiting.send(chat());
    streaming.send(chat('{"stream":true}'));
    await streaming.until(({ received }) => received.includes("data: 1"), "the begin");
    await until(() => server.requests.length === 2, "both requests");
    router.receive({ kind: "cut", what: "all-but-streams" });
    expect(await waiting.untilAnswers(1)).toMatch(/503[^]*retry-after[^]*shutting down/i);
    expect(streaming.closed).toBe(false);
    router.receive({ kind: "cut", what: "all" });
    expect(await streaming.untilClosed()).toMatch(/data: 1\n\n[^]*"code":"draining"/);
    await until(() => router.inFlight === 0 && server.open.size === 0, "no exchange");
    expect(router.counter("fd_router_upstream_failures_total")).toBe(0);
    expect(router.crashes()).toEqual([]);
  });
});
