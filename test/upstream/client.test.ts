/** The client, its exchanges and pools, against scripted servers on loopback; the clock is the test's. */
import { afterEach, describe, expect, test } from "bun:test";
import { UpstreamClient, type UpstreamClientOptions } from "../../src/upstream/client.ts";
import type { Exchange } from "../../src/upstream/exchange.ts";
import type { UpstreamFailure } from "../../src/upstream/failure.ts";
import type { Origin } from "../../src/upstream/origin.ts";
import { answerText, chunk, LAST_CHUNK, RawServer, sseHead, type RawScript } from "./support/raw-server.ts";
import { until } from "./support/until.ts";

const started: { stop(): void }[] = [];
afterEach(() => {
  for (const each of started.splice(0)) each.stop();
});

interface Setup {
  readonly server: RawServer;
  readonly client: UpstreamClient;
  readonly clock: { now: number };
}

function setUp(script: RawScript, options: Partial<UpstreamClientOptions> = {}): Setup {
  const server = new RawServer(script);
  const clock = { now: 1000 };
  const client = new UpstreamClient(
    {
      connectTimeoutMs: 1000,
      firstByteTimeoutMs: 5000,
      idleTimeoutMs: 2000,
      totalTimeoutMs: 0,
      maxIdleConnections: 8,
      keepAliveMs: 4000,
      ...options,
    },
    () => clock.now,
  );
  started.push(server, { stop: () => client.close() });
  return { server, client, clock };
}

class Sent {
  status = 0;
  body = "";
  reads = 0;
  ends = 0;
  failure: UpstreamFailure | null = null;
  readonly exchange: Exchange;
  onData: () => void = () => undefined;

  constructor(client: UpstreamClient, origin: Origin, body: Uint8Array = Buffer.from("{}")) {
    const head = `POST /x HTTP/1.1\r\nhost: h\r\ncontent-length: ${body.length}\r\n\r\n`;
    this.exchange = client.send(
      { origin, head, body },
      {
        onHead: ({ status }) => (this.status = status),
        onData: (bytes, start, end) => {
          this.body += bytes.toString("latin1", start, end);
          this.onData();
        },
        onReadEnd: () => this.reads++,
        onEnd: () => this.ends++,
        onFailure: (failure) => {
          expect(this.failure).toBeNull();
          this.failure = failure;
        },
      },
    );
  }

  get over(): boolean {
    return this.ends > 0 || this.failure !== null;
  }

  async finished(): Promise<this> {
    await until(() => this.over, "the end of the exchange");
    return this;
  }
}

const good: RawScript = (peer) => peer.write(answerText("ok"));
const send = ({ client, server }: Setup, body?: Uint8Array): Sent => new Sent(client, server.origin, body);

describe("connections", () => {
  test("are used again one after the other, and side by side when needed", async () => {
    const setup = setUp(good);
    for (let i = 0; i < 3; i++) expect((await send(setup).finished()).body).toBe("ok");
    expect([setup.server.connections, setup.client.connectionsOpened]).toEqual([1, 1]);
    await Promise.all([send(setup).finished(), send(setup).finished(), send(setup).finished()]);
    expect(setup.server.connections).toBe(3);
    expect(setup.client.openExchanges).toBe(0);
  });

  test("idle ones over the limit are closed", async () => {
    const setup = setUp(good, { maxIdleConnections: 2 });
    await Promise.all(Array.from({ length: 5 }, () => send(setup).finished()));
    await until(() => setup.server.open.size === 2, "three closes");
    expect(setup.client.pool(setup.server.origin).idleCount).toBe(2);
  });

  test("idle ones grow too old, the oldest first", async () => {
    const setup = setUp(good);
    await Promise.all([send(setup).finished(), send(setup).finished()]);
    setup.clock.now += 3000;
    await send(setup).finished();
    setup.clock.now += 2000;
    setup.client.sweep();
    expect(setup.client.pool(setup.server.origin).idleCount).toBe(1);
    await until(() => setup.server.open.size === 1, "one close");
  });

  test("none is kept when the keep-alive time is 0", async () => {
    const setup = setUp(good, { keepAliveMs: 0 });
    for (let i = 0; i < 2; i++) await send(setup).finished();
    expect(setup.server.connections).toBe(2);
    await until(() => setup.server.open.size === 0, "the closes");
  });

  test("those of instances that left are closed", async () => {
    const setup = setUp(good);
    await send(setup).finished();
    setup.client.retain(new Set(["http://other:1"]));
    await until(() => setup.server.open.size === 0, "the close");
  });

  test.each([
    ["Connection: close", answerText("ok", "200 OK", ["Connection: close"])],
    ["surplus", `${answerText("ok")}x`],
    [
      "both framings",
      `HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n${chunk("ok")}${LAST_CHUNK}`,
    ],
  ])("are not used again after %s", async (_, answer) => {
    const setup = setUp((peer) => peer.write(answer));
    for (let i = 0; i < 2; i++) expect((await send(setup).finished()).body).toBe("ok");
    expect(setup.server.connections).toBe(2);
  });

  test("an answer that comes before the request was read ends the use of its connection", async () => {
    const setup = setUp(good);
    setup.server.onOpen = (peer) => peer.write(answerText("too large", "413 X"));
    // More than the kernel takes; the script never reads to the end.
    const sent = await send(setup, Buffer.alloc(20_000_000, 32)).finished();
    expect(sent.status).toBe(413);
    expect(setup.client.pool(setup.server.origin).idleCount).toBe(0);
  });

  test("a large body arrives whole", async () => {
    const setup = setUp(good);
    const body = Buffer.from(Array.from({ length: 300_000 }, (_, i) => String(i)).join());
    await send(setup, body).finished();
    expect(setup.server.requests[0]?.body === body.toString()).toBe(true);
  });
});

describe("a reused connection that the instance had closed", () => {
  test("is replaced, and the request is sent once more", async () => {
    const setup = setUp((peer) => (peer.requests === 1 ? peer.write(answerText("ok")) : peer.reset()));
    await send(setup).finished();
    expect((await send(setup).finished()).body).toBe("ok");
    expect(setup.server.requests).toHaveLength(3);
    expect(setup.server.connections).toBe(2);
  });

  test("is replaced only once", async () => {
    let answersLeft = 1;
    const setup = setUp((peer) => (answersLeft-- > 0 ? peer.write(answerText("ok")) : peer.end()));
    await send(setup).finished();
    expect((await send(setup).finished()).failure?.kind).toBe("closed-unanswered");
    expect(setup.server.requests).toHaveLength(3);
  });

  test("is no excuse when it closes later: the request may have been at work", async () => {
    const setup = setUp((peer) => {
      if (peer.requests === 1) peer.write(answerText("ok"));
      else {
        setup.clock.now += 1500;
        peer.end();
      }
    });
    await send(setup).finished();
    expect((await send(setup).finished()).failure?.kind).toBe("closed-unanswered");
    expect(setup.server.requests).toHaveLength(2);
  });

  test("counts as reused when only a probe had opened it", async () => {
    const setup = setUp((peer) => (setup.server.connections === 1 ? peer.end() : peer.write(answerText("ok"))));
    expect(await setup.client.isListening(setup.server.origin)).toBe(true);
    expect((await send(setup).finished()).body).toBe("ok");
    expect(setup.server.connections).toBe(2);
  });

  test("a new connection that closes without an answer is a failure at once", async () => {
    const setup = setUp((peer) => peer.end());
    expect((await send(setup).finished()).failure?.kind).toBe("closed-unanswered");
    expect(setup.server.requests).toHaveLength(1);
  });
});

describe("failures", () => {
  test("nobody listens", async () => {
    const setup = setUp(good);
    setup.server.stop();
    const sent = await send(setup).finished();
    expect(sent.failure).toEqual({ kind: "connect", detail: "ECONNREFUSED" });
    expect(await setup.client.isListening(setup.server.origin)).toBe(false);
  });

  test("a pause of the whole thread is not blamed on the instance", async () => {
    const server = new RawServer(good);
    const options = { connectTimeoutMs: 300, firstByteTimeoutMs: 0, idleTimeoutMs: 0, totalTimeoutMs: 0 };
    const client = new UpstreamClient({ ...options, maxIdleConnections: 8, keepAliveMs: 4000 });
    started.push(server, { stop: () => client.close() });
    const sent = new Sent(client, server.origin);
    Bun.sleepSync(900);
    await sent.finished();
    expect(sent.failure).toBeNull();
  });

  test("no connection in time; a late one is kept for others", async () => {
    const setup = setUp(good);
    const sent = send(setup);
    setup.clock.now += 1000;
    setup.client.sweep();
    expect(sent.failure).toEqual({ kind: "connect-timeout", timeoutMs: 1000 });
    await until(() => setup.client.pool(setup.server.origin).idleCount === 1, "the late connection");
    expect(setup.server.requests).toHaveLength(0);
  });

  test("no first byte in time", async () => {
    const setup = setUp(() => undefined);
    const sent = send(setup);
    await until(() => setup.server.requests.length === 1, "the request");
    setup.clock.now += 4999;
    setup.client.sweep();
    expect(sent.over).toBe(false);
    setup.clock.now += 1;
    setup.client.sweep();
    expect(sent.failure).toEqual({ kind: "first-byte-timeout", timeoutMs: 5000 });
    await until(() => setup.server.open.size === 0, "the close");
  });

  test("silence in the middle; every byte winds the clock up again", async () => {
    const setup = setUp((peer) => {
      peer.write(sseHead() + chunk("a"));
      step = () => peer.write(chunk("b"));
    });
    let step: () => void = () => undefined;
    const sent = send(setup);
    await until(() => sent.body === "a", "the first part");
    setup.clock.now += 1500;
    step();
    await until(() => sent.body === "ab", "the second part");
    setup.clock.now += 1500;
    setup.client.sweep();
    expect(sent.over).toBe(false);
    setup.clock.now += 500;
    setup.client.sweep();
    expect(sent.failure).toEqual({ kind: "idle-timeout", timeoutMs: 2000 });
  });

  test("the whole takes too long", async () => {
    const setup = setUp((peer) => peer.write(sseHead() + chunk("a")), { totalTimeoutMs: 3000 });
    const sent = send(setup);
    await until(() => sent.body === "a", "the first part");
    setup.clock.now += 3000;
    setup.client.sweep();
    expect(sent.failure).toEqual({ kind: "total-timeout", timeoutMs: 3000 });
  });

  test("limits of 0 are none", async () => {
    const setup = setUp((peer) => peer.write(sseHead() + chunk("a")), { idleTimeoutMs: 0, firstByteTimeoutMs: 0 });
    const sent = send(setup);
    await until(() => sent.body === "a", "the first part");
    setup.clock.now += 1e9;
    setup.client.sweep();
    expect(sent.over).toBe(false);
  });

  test("cut in the head and in the body", async () => {
    const setup = setUp((peer) => (peer.write("HTTP/1.1 200 OK\r\nConte"), peer.end()));
    expect((await send(setup).finished()).failure?.kind).toBe("cut");
    setup.server.script = (peer) => (peer.write("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab"), peer.end());
    const sent = await send(setup).finished();
    expect([sent.failure?.kind, sent.body]).toEqual(["cut", "ab"]);
  });
});

test("what a listener throws is raised where the process sees it, and ends the exchange", async () => {
  const setup = setUp(good);
  const client = new URL("../../src/upstream/client.ts", import.meta.url).pathname;
  // In a process of its own: the test runner takes what is uncaught for a failure.
  const script = `
    import { UpstreamClient } from ${JSON.stringify(client)};
    process.on("uncaughtException", (error) => console.log("raised", String(error)));
    const options = { connectTimeoutMs: 1000, firstByteTimeoutMs: 1000, idleTimeoutMs: 0, totalTimeoutMs: 0, maxIdleConnections: 1, keepAliveMs: 0 };
    const none = () => undefined;
    const onData = () => { throw new TypeError("a mistake of ours"); };
    const upstream = new UpstreamClient(options);
    const request = { origin: ${JSON.stringify(setup.server.origin)}, head: "GET / HTTP/1.1\\r\\n\\r\\n", body: new Uint8Array(0) };
    upstream.send(request, { onHead: none, onData, onReadEnd: none, onEnd: none, onFailure: ({ kind }) => console.log("failed", kind) });
    while (upstream.openExchanges > 0) await Bun.sleep(1);
    await Bun.sleep(1);
    process.exit(0);`;
  const child = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe", stderr: "pipe" });
  expect(await new Response(child.stdout).text()).toBe("failed cut\nraised TypeError: a mistake of ours\n");
});

describe("pause and abort", () => {
  const endless: RawScript = (peer) => peer.write(sseHead() + chunk("x".repeat(100_000)).repeat(50));

  test("a paused exchange reads nothing, its idle clock stands still, and it goes on where it was", async () => {
    const setup = setUp(endless);
    const sent = send(setup);
    sent.onData = () => {
      sent.onData = () => undefined;
      sent.exchange.pause();
    };
    await until(() => sent.body !== "", "the first part");
    const before = sent.body.length;
    await Bun.sleep(20);
    // What the read that was under way brought.
    expect(sent.body.length - before).toBeLessThan(1_000_000);
    setup.clock.now += 100_000;
    setup.client.sweep();
    expect(sent.over).toBe(false);
    sent.exchange.resume();
    await until(() => sent.body.length === 5_000_000, "the rest");
  });

  test("an abort closes the connection; the listener hears no more", async () => {
    const setup = setUp(endless);
    const sent = send(setup);
    sent.onData = () => sent.exchange.abort();
    await until(() => sent.body !== "", "the first part");
    const { length } = sent.body;
    await until(() => setup.server.open.size === 0, "the close");
    expect([sent.body.length, sent.over, setup.client.openExchanges]).toEqual([length, false, 0]);
    sent.exchange.abort();
    sent.exchange.resume();
  });

  test("an abort while connecting leaves the connection to others", async () => {
    const setup = setUp(good);
    const sent = send(setup);
    sent.exchange.abort();
    await until(() => setup.client.pool(setup.server.origin).idleCount === 1, "the connection");
    expect((await send(setup).finished()).body).toBe("ok");
    expect([sent.over, setup.server.connections]).toEqual([false, 1]);
  });

  test("trap 7: a connection that was paused at its end is read again by the next exchange", async () => {
    const setup = setUp((peer) => peer.write(sseHead() + chunk("one") + LAST_CHUNK));
    for (let i = 0; i < 5; i++) {
      const sent = send(setup);
      // In the read that also brings the end.
      sent.onData = () => sent.exchange.pause();
      await sent.finished();
      sent.exchange.pause();
      expect(sent.body).toBe("one");
    }
    expect(setup.server.connections).toBe(1);
  });

  test("closing the client ends all that runs", async () => {
    const setup = setUp(endless);
    const sent = [send(setup), send(setup)];
    await until(() => sent.every(({ body }) => body !== ""), "both begin");
    setup.client.close();
    await until(() => setup.server.open.size === 0, "the closes");
    expect(setup.client.openExchanges).toBe(0);
  });
});
