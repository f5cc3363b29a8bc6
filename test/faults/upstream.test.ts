/** Catalogue C: what instances may do wrong, and what clients and later requests see of it. */
import { afterEach, describe, expect, test } from "bun:test";
import { answerText, chunk, LAST_CHUNK, sseHead, type RawScript } from "../upstream/support/raw-server.ts";
import { until } from "../upstream/support/until.ts";
import type { Front } from "./support/front.ts";
import { answers, ask, chat, RawClient } from "./support/raw-client.ts";
import { closedPort, front, good, instance, stopAll } from "./support/servers.ts";

afterEach(stopAll);

describe("no connection", () => {
  test("U01 a closed port: another instance answers, the closed one is reported", async () => {
    const alive = instance(good);
    const dead = closedPort();
    const router = front([dead, alive]);
    for (let i = 0; i < 5; i++) expect((await ask(router.port, chat()))?.status).toBe(200);
    expect(router.counter("upstream_failures", `:${dead}"`, 'kind="connect"')).toBeGreaterThan(0);
    expect(router.messages.some(({ kind }) => kind === "observed")).toBe(true);
    expect(router.inFlight).toBe(0);
  });

  test("U01 the only instance is closed: 502 in OpenAI's form without its address", async () => {
    const dead = closedPort();
    const answer = await ask(front([dead]).port, chat());
    expect(answer?.status).toBe(502);
    const { error } = JSON.parse(answer?.body ?? "");
    expect(error.message).toStartWith("Failed to connect to backend service");
    expect(error.message).not.toContain(String(dead));
    expect(answer?.head.toLowerCase()).toContain("x-router-reason: upstream_failed");
  });

  test("U25 all instances are closed: no more attempts than the budget allows, each refused at once", async () => {
    const router = front([closedPort(), closedPort(), closedPort()], { "retry-budget-per-sec": 0.2 });
    for (let i = 0; i < 30; i++) expect((await ask(router.port, chat()))?.status).toBe(502);
    // A tenth of the requests, and what ten seconds had saved up.
    expect(router.counter("fd_router_upstream_failures_total")).toBeLessThanOrEqual(30 * 1.1 + 3);
    expect(router.inFlight).toBe(0);
  });
});

describe("closed before the answer", () => {
  test("U03 closed after a request on a new connection: 502, and the request is not repeated", async () => {
    const server = instance((peer) => peer.end());
    const other = instance((peer) => peer.end());
    const router = front([server, other]);
    const answer = await ask(router.port, chat());
    expect(answer?.status).toBe(502);
    expect(server.requests.length + other.requests.length).toBe(1);
    expect(router.counter("upstream_failures", "closed-unanswered")).toBe(1);
  });

  test("U05 reset after the request: 502, once", async () => {
    const server = instance((peer) => peer.reset());
    const router = front([server]);
    expect((await ask(router.port, chat()))?.status).toBe(502);
    expect(server.requests).toHaveLength(1);
  });

  test("U05 the process is dead with all its connections: another instance runs the request", async () => {
    const alive = instance(good);
    const dying = instance(() => dying.stop());
    const router = front([dying, alive]);
    const statuses = [];
    for (let i = 0; i < 6; i++) statuses.push((await ask(router.port, chat()))?.status);
    expect(new Set(statuses)).toEqual(new Set([200]));
    expect(dying.requests).toHaveLength(1);
  });

  test("a pooled connection that the instance closed meanwhile costs no request", async () => {
    const server = instance((peer) => {
      peer.write(answerText("{}"));
      if (server.requests.length === 1) setTimeout(() => peer.end(), 0);
    });
    const router = front([server]);
    for (let i = 0; i < 3; i++) expect((await ask(router.port, chat()))?.status).toBe(200);
  });
});

describe("clocks", () => {
  test("U06 silence before the answer: 504, and the instance sees the end", async () => {
    const server = instance(() => undefined);
    const router = front([server], { "first-byte-timeout-secs": 0.2 });
    const answer = await ask(router.port, chat());
    expect(answer?.status).toBe(504);
    expect(answer?.body).toContain("upstream_timeout");
    await until(() => server.open.size === 0, "the connection's end");
    expect(server.requests).toHaveLength(1);
  });

  test("U06 headers only, then silence: 504 when the answer was held, and the instance sees the end", async () => {
    const server = instance((peer) => peer.write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"));
    const router = front([server], { "idle-timeout-secs": 0.2 });
    expect((await ask(router.port, chat()))?.status).toBe(504);
    await until(() => server.open.size === 0, "the connection's end");
  });

  test("U07, U30 a stream that stalls ends in an error event, without [DONE] and without a last chunk", async () => {
    const server = instance((peer) => peer.write(sseHead() + chunk("data: 1\n\n")));
    const router = front([server], { "idle-timeout-secs": 0.2 });
    const text = await broken(router, '{"stream":true}');
    expect(text).toContain("data: 1\n\n");
    expect(text).toContain('data: {"error":{"message":"');
    expect(router.counter("request_errors", "upstream_cut")).toBe(1);
    expect(router.inFlight).toBe(0);
  });
});

/** What a client of a broken stream gets; checks that it can tell. */
async function broken(router: Front, body: string): Promise<string> {
  const client = await RawClient.connect(router.port);
  client.send(chat(body));
  const text = await client.untilClosed();
  expect(text).not.toContain("[DONE]");
  expect(text).not.toEndWith("0\r\n\r\n");
  return text;
}

describe("cut and malformed answers", () => {
  test.each([
    [
      "U09 the chunked body is cut",
      (peer) => (peer.write(`${sseHead()}${chunk("data: 1\n\n")}40\r\nhalf`), setTimeout(() => peer.end(), 20)),
    ],
    [
      "U09 the chunked body is reset",
      (peer) => (peer.write(sseHead() + chunk("data: 1\n\n")), setTimeout(() => peer.reset(), 20)),
    ],
    [
      "U10 a bad chunk size in the middle",
      (peer) => (peer.write(sseHead() + chunk("data: 1\n\n")), setTimeout(() => peer.write("zz\r\n"), 20)),
    ],
  ] as [string, RawScript][])("%s: error event, then a break that the client can see", async (_, script) => {
    const server = instance(script);
    const router = front([server]);
    expect(await broken(router, '{"stream":true}')).toContain('data: {"error"');
    await until(() => server.open.size === 0, "the end of the upstream connection");
    expect(router.inFlight).toBe(0);
  });

  test("U09 a short answer that is cut becomes a clean 502: nothing had been passed on", async () => {
    const router = front([
      instance((peer) => (peer.write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345"), peer.end())),
    ]);
    const answer = await ask(router.port, chat());
    expect(answer?.status).toBe(502);
    expect(answer?.body).toContain("upstream_invalid");
  });

  test("U09 a long answer that is cut is broken, not ended", async () => {
    const router = front([
      instance(
        (peer) => (
          peer.write(`HTTP/1.1 200 OK\r\nContent-Length: 999999\r\n\r\n${"a".repeat(70_000)}`),
          setTimeout(() => peer.end(), 30)
        ),
      ),
    ]);
    const text = await broken(router, "{}");
    expect(text).not.toContain("upstream_failed");
  });

  test("U11 both framings: Transfer-Encoding wins, the connection is not used again", async () => {
    const server = instance((peer) =>
      peer.write(
        `HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n${chunk("hello")}${LAST_CHUNK}`,
      ),
    );
    const router = front([server]);
    for (let i = 0; i < 2; i++) expect((await ask(router.port, chat()))?.body).toBe("hello");
    expect(server.connections).toBe(2);
  });

  test("U13 a body without framing is passed on until the close, with framing", async () => {
    const server = instance((peer) => (peer.write("HTTP/1.1 200 OK\r\n\r\nuntil the end"), peer.end()));
    const answer = await ask(front([server]).port, chat());
    expect(answer?.body).toBe("until the end");
    expect(answer?.head).toMatch(/transfer-encoding: chunked|content-length/i);
  });

  test("U14 surplus bytes close the connection and do not poison the next answer", async () => {
    const server = instance((peer) =>
      peer.write(`${answerText("first")}HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison`),
    );
    const router = front([server]);
    for (let i = 0; i < 2; i++) expect((await ask(router.port, chat()))?.body).toBe("first");
    expect(server.connections).toBe(2);
  });

  test("U14 bytes on an idle connection close it", async () => {
    const server = instance(
      (peer) => (
        peer.write(answerText("first")),
        setTimeout(() => peer.write("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison"), 10)
      ),
    );
    const router = front([server]);
    expect((await ask(router.port, chat()))?.body).toBe("first");
    await until(() => server.open.size === 0, "the close of the idle connection");
    expect((await ask(router.port, chat()))?.body).toBe("first");
  });

  test.each([
    ["U15 a folded field", "HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 0\r\n\r\n"],
    ["U15 NUL in a field", "HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 0\r\n\r\n"],
    ["U15 a bare CR in a field", "HTTP/1.1 200 OK\r\nX: a\rb\r\nContent-Length: 0\r\n\r\n"],
    ["U15 a blank before the colon", "HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n"],
    ["U17 status 0", "HTTP/1.1 0 Zero\r\nContent-Length: 0\r\n\r\n"],
    ["U17 status 99", "HTTP/1.1 99 Low\r\nContent-Length: 0\r\n\r\n"],
    ["U17 status 999", "HTTP/1.1 999 High\r\nContent-Length: 0\r\n\r\n"],
    ["U17 status 99999", "HTTP/1.1 99999 X\r\nContent-Length: 0\r\n\r\n"],
    ["U17 garbage", "\x00\x01\x02garbage garbage\r\n\r\n"],
    ["U17 garbage without an end", "SSH-2.0-OpenSSH_9.2\r\n"],
    ["U17 HTTP/0.9", "<html>hello</html>"],
    ["U19 101 without an upgrade", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"],
    ["U18 thousands of interim answers", "HTTP/1.1 103 Early\r\n\r\n".repeat(3000)],
    ["a head of 300 KB", `HTTP/1.1 200 OK\r\nX: ${"a".repeat(300_000)}\r\nContent-Length: 0\r\n\r\n`],
    ["an unknown transfer coding", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nxx"],
    ["two lengths that differ", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc"],
  ])("%s: 502, upstream_invalid, and the connection is closed", async (_, bytes) => {
    const server = instance((peer) => peer.write(bytes));
    const router = front([server]);
    const answer = await ask(router.port, chat());
    expect([answer?.status, JSON.parse(answer?.body ?? "{}").error?.code]).toEqual([502, "upstream_invalid"]);
    await until(() => server.open.size === 0, "the close");
    expect(router.crashes()).toEqual([]);
  });
});

describe("what passes", () => {
  test("U18 a few interim answers are skipped", async () => {
    const server = instance((peer) =>
      peer.write(`HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\n${answerText("ok")}`),
    );
    expect((await ask(front([server]).port, chat()))?.body).toBe("ok");
  });

  test("U21 hop-by-hop and nominated fields of the answer are stripped, and the client's connection lives on", async () => {
    const server = instance((peer) =>
      peer.write(
        answerText("ok", "200 OK", [
          "Connection: close, X-Hop",
          "X-Hop: 1",
          "Keep-Alive: timeout=5",
          "Proxy-Authenticate: x",
          "Trailer: y",
          "X-Kept: 1",
        ]),
      ),
    );
    const client = await RawClient.connect(front([server]).port);
    client.send(chat());
    await client.untilAnswers(1);
    client.send(chat());
    const [first, second] = answers(await client.untilAnswers(2));
    expect(first?.head.toLowerCase()).toContain("x-kept: 1");
    expect(first?.head).not.toMatch(/x-hop|keep-alive|proxy-|trailer|^connection/im);
    expect(second?.status).toBe(200);
    client.end();
  });

  test("U22 a redirect is passed on, never followed", async () => {
    const server = instance((peer) => peer.write(answerText("", "302 Found", ["Location: http://169.254.169.254/"])));
    const answer = await ask(front([server]).port, chat());
    expect(answer?.status).toBe(302);
    expect(answer?.head).toContain("http://169.254.169.254/");
    expect(server.requests).toHaveLength(1);
  });

  test("U23 a wrong Content-Encoding is not decoded", async () => {
    const server = instance((peer) => peer.write(answerText("not gzip", "200 OK", ["Content-Encoding: gzip"])));
    const answer = await ask(front([server]).port, chat("{}", ["Accept-Encoding: br"]));
    expect([answer?.body, answer?.head.toLowerCase().includes("content-encoding: gzip")]).toEqual(["not gzip", true]);
    expect(server.requests[0]?.head).toMatch(/accept-encoding: br/i);
  });

  test.each([204, 304])("an answer %i has no body, and the connection goes on", async (status) => {
    const server = instance((peer) => peer.write(`HTTP/1.1 ${status} X\r\nX-A: 1\r\n\r\n`));
    const client = await RawClient.connect(front([server]).port);
    for (let i = 1; i <= 2; i++) {
      client.send(chat());
      await client.until(({ received }) => received.split(`HTTP/1.1 ${status}`).length === i + 1, "the answer");
    }
    await until(() => server.connections === 1, "reuse");
    client.end();
  });

  test("Date is the instance's own and there is one; repeated Set-Cookie fields stay apart", async () => {
    const fields = ["Date: Mon, 01 Jan 2024 00:00:00 GMT", "Server: engine", "Set-Cookie: a=1", "Set-Cookie: b=2"];
    const answer = await ask(front([instance((peer) => peer.write(answerText("ok", "200 OK", fields)))]).port, chat());
    expect(answer?.head.match(/^date: .*$/gim)).toEqual([expect.stringMatching(/01 Jan 2024/)]);
    expect(answer?.head).toMatch(/^server: engine$/im);
    expect(answer?.head.match(/^set-cookie: .*$/gim)).toHaveLength(2);
  });

  test("an instance cannot speak in the router's name", async () => {
    const server = instance((peer) =>
      peer.write(answerText("ok", "200 OK", ["X-Router-Instance: evil", "x-router-reason: evil"])),
    );
    const answer = await ask(front([server]).port, chat());
    expect(answer?.head).not.toContain("evil");
    expect(answer?.head.toLowerCase()).toContain(`x-router-instance: http://127.0.0.1:${server.port}`);
  });

  test("trailers of an answer are dropped, the connection is kept", async () => {
    const server = instance((peer) =>
      peer.write(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${chunk("ok")}0\r\nX-Trailer: 1\r\n\r\n`),
    );
    const router = front([server]);
    for (let i = 0; i < 2; i++) expect((await ask(router.port, chat()))?.body).toBe("ok");
    expect(server.connections).toBe(1);
  });

  test("the instance's status is passed on as it is", async () => {
    for (const status of [400, 404, 422, 429, 500, 503]) {
      const server = instance((peer) => peer.write(answerText('{"error":{}}', `${status} X`)));
      expect((await ask(front([server]).port, chat()))?.status).toBe(status);
    }
  });
});
