/** Catalogue A: framing and syntax of requests, sent as raw bytes. Row ids of the catalogue stand in the names. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { answerText, RawServer } from "../upstream/support/raw-server.ts";
import { Front } from "./support/front.ts";
import { answers, ask, chat, RawClient } from "./support/raw-client.ts";

const upstream = new RawServer((peer) => peer.write(answerText('{"ok":true}')));
let front: Front;

beforeAll(() => {
  front = new Front([upstream.port]);
});
beforeEach(() => {
  upstream.requests.length = 0;
  upstream.received = "";
});
afterAll(async () => {
  await front.stop();
  upstream.stop();
});

const LINE = "POST /v1/chat/completions HTTP/1.1\r\n";
const SMUGGLED = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n";

/** Sends; expects a refusal, a close, and that no instance hears of it. */
async function refused(bytes: string): Promise<number> {
  const client = await RawClient.connect(front.port);
  client.send(bytes);
  const text = await client.untilClosed();
  expect(upstream.received).toBe("");
  return answers(text)[0]?.status ?? Number(/^HTTP\/1\.[01] (\d{3})/.exec(text)?.[1] ?? 0);
}

describe("refused with 400 or 501, closed, nothing forwarded", () => {
  const cases: readonly [name: string, bytes: string][] = [
    [
      "A01 Content-Length and Transfer-Encoding",
      `${LINE}Host: r\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${SMUGGLED}`,
    ],
    [
      "A02 Transfer-Encoding and Content-Length",
      `${LINE}Host: r\r\nTransfer-Encoding: chunked\r\nContent-Length: 6\r\n\r\n0\r\n\r\n${SMUGGLED}`,
    ],
    ["A03 two lengths that differ", `${LINE}Host: r\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{} `],
    ["A05 a list of lengths", `${LINE}Host: r\r\nContent-Length: 2, 2\r\n\r\n{}`],
    ["A06 a signed length", `${LINE}Host: r\r\nContent-Length: +2\r\n\r\n{}`],
    ["A06 a negative length", `${LINE}Host: r\r\nContent-Length: -2\r\n\r\n{}`],
    ["A06 a hexadecimal length", `${LINE}Host: r\r\nContent-Length: 0x2\r\n\r\n{}`],
    ["A06 a length with letters", `${LINE}Host: r\r\nContent-Length: 2a\r\n\r\n{}`],
    ["A07 an empty length", `${LINE}Host: r\r\nContent-Length:\r\n\r\n${SMUGGLED}`],
    ["A09 a length of 2^63", `${LINE}Host: r\r\nContent-Length: 9223372036854775808\r\n\r\n{}`],
    ["A11 a blank before the colon of the length", `${LINE}Host: r\r\nContent-Length : 2\r\n\r\n{}`],
    [
      "A11 a blank before the colon of the coding",
      `${LINE}Host: r\r\nTransfer-Encoding : chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n`,
    ],
    ["A13 gzip before chunked", `${LINE}Host: r\r\nTransfer-Encoding: gzip, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n`],
    [
      "A14 identity after chunked",
      `${LINE}Host: r\r\nTransfer-Encoding: chunked, identity\r\n\r\n2\r\n{}\r\n0\r\n\r\n`,
    ],
    [
      "A15 chunked twice",
      `${LINE}Host: r\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n`,
    ],
    [
      "A17 a vertical tab before chunked",
      `${LINE}Host: r\r\nTransfer-Encoding: \x0bchunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n`,
    ],
    [
      "A17 a no-break space before chunked",
      `${LINE}Host: r\r\nTransfer-Encoding: \xa0chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n`,
    ],
    [
      "A19 chunked from HTTP/1.0",
      "POST /v1/chat/completions HTTP/1.0\r\nHost: r\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    ],
    ["A21 a folded field", `${LINE}Host: r\r\nTransfer-Encoding:\r\n chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n`],
    ["A22 a first field that begins with a space", `${LINE} Host: r\r\nContent-Length: 2\r\n\r\n{}`],
    ["A23 one bare LF", `${LINE}Host: r\nContent-Length: 2\r\n\r\n{}`],
    ["A25 NUL in a value", `${LINE}Host: r\r\nX: a\0b\r\nContent-Length: 2\r\n\r\n{}`],
    ["A27 a field without a colon", `${LINE}Host: r\r\nNoColon\r\nContent-Length: 2\r\n\r\n{}`],
    ["A29 a bracket in a name", `${LINE}Host: r\r\nX(y): 1\r\nContent-Length: 2\r\n\r\n{}`],
    ["A29 a byte over 0x7f in a name", `${LINE}Host: r\r\nX\xe9: 1\r\nContent-Length: 2\r\n\r\n{}`],
    ["A31 no Host on HTTP/1.1", `${LINE}Content-Length: 2\r\n\r\n{}`],
    ["A33 a Host that is none", `${LINE}Host: a b/c@d\r\nContent-Length: 2\r\n\r\n{}`],
    ["two Host fields", `${LINE}Host: a\r\nHost: b\r\nContent-Length: 2\r\n\r\n{}`],
    [
      "A35 a target of another scheme",
      "POST ftp://x/v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}",
    ],
    ["A39 a method that is no token", "G@T /v1/models HTTP/1.1\r\nHost: r\r\n\r\n"],
    [
      "A41 HTTP/2.0 in the request line",
      "POST /v1/chat/completions HTTP/2.0\r\nHost: r\r\nContent-Length: 2\r\n\r\n{}",
    ],
    [
      "A41 HTTP/1.1x in the request line",
      "POST /v1/chat/completions HTTP/1.1x\r\nHost: r\r\nContent-Length: 2\r\n\r\n{}",
    ],
    ["A42 HTTP/0.9", "GET /v1/models\r\n\r\n"],
    [
      "A43 two spaces in the request line",
      "POST  /v1/chat/completions HTTP/1.1\r\nHost: r\r\nContent-Length: 2\r\n\r\n{}",
    ],
    ["A43 a tab in the request line", "POST\t/v1/chat/completions HTTP/1.1\r\nHost: r\r\nContent-Length: 2\r\n\r\n{}"],
    [
      "A45 a byte over 0x7f in the target",
      "POST /v1/chat/completions?\xe9 HTTP/1.1\r\nHost: r\r\nContent-Length: 2\r\n\r\n{}",
    ],
    ["A46 a fragment in the target", "POST /v1/chat/completions#x HTTP/1.1\r\nHost: r\r\nContent-Length: 2\r\n\r\n{}"],
    ["A49 a hundred empty lines first", `${"\r\n".repeat(100)}${chat()}`],
    ["A66 a TLS hello", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"],
    ["A66 the HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
  ];
  test.each(cases)("%s", async (_, bytes) => {
    const status = await refused(bytes);
    expect([0, 400, 501, 505]).toContain(status);
  });

  test("A66 binary zeros", async () => {
    await refused("\0".repeat(64));
  });

  const sizes = ["0x2", "+2", "-2", "1_0", " 2", "", "ffffffffffffffff", "10000000000000002"];
  test.each(sizes)("A50, A51 the chunk size %j", async (size) => {
    await refused(`${LINE}Host: r\r\nTransfer-Encoding: chunked\r\n\r\n${size}\r\n{}\r\n0\r\n\r\n`);
  });

  const bodies: readonly [name: string, body: string][] = [
    ["A53 a bare LF after the chunk size", "2\n{}\r\n0\r\n\r\n"],
    ["A53 a bare LF after the chunk data", "2\r\n{}\n0\r\n\r\n"],
    ["A54 a LF in an extension", "2;a\nb\r\n{}\r\n0\r\n\r\n"],
    ["A54 a CR in an extension", "2;a\rb\r\n{}\r\n0\r\n\r\n"],
    ["A55 data that goes on after the chunk", "2\r\n{}xx\r\n0\r\n\r\n"],
  ];
  test.each(bodies)("%s", async (_, body) => {
    await refused(`${LINE}Host: r\r\nTransfer-Encoding: chunked\r\n\r\n${body}`);
  });

  test("A57 a last chunk that ends oddly never makes a second request", async () => {
    for (const end of ["0\n\r\n", "0\r\n\n"]) {
      const client = await RawClient.connect(front.port);
      client.send(`${LINE}Host: r\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n${end}${SMUGGLED}`);
      await client.untilClosed();
      expect(upstream.requests.length).toBeLessThanOrEqual(1);
      expect(upstream.received).not.toContain("smuggled");
    }
  });

  test("A59 a trailer section of 64 KB", async () => {
    const client = await RawClient.connect(front.port);
    client.send(`${LINE}Host: r\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nX: ${"a".repeat(65_536)}\r\n\r\n`);
    await client.untilClosed();
    expect(upstream.received).not.toContain("aaaa");
  });
});

describe("accepted, and made anew", () => {
  test.each([
    ["A10 a length with leading zeros", `${LINE}Host: r\r\nContent-Length: 0002\r\n\r\n{}`],
    ["the same length twice", `${LINE}Host: r\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n{}`],
    ["a list with an empty member", `${LINE}Host: r\r\nTransfer-Encoding: ,chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n`],
    ["A18 a tab and upper case", `${LINE}Host: r\r\nTransfer-Encoding:\tCHUNKED\r\n\r\n2\r\n{}\r\n0\r\n\r\n`],
    ["chunk extensions", `${LINE}Host: r\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\n{}\r\n0\r\n\r\n`],
  ])("%s", async (_, bytes) => {
    const answer = await ask(front.port, bytes);
    expect(answer?.status).toBe(200);
    expect(upstream.requests).toHaveLength(1);
    const [request] = upstream.requests;
    expect(request?.body).toBe("{}");
    expect(request?.head).toEndWith("\r\ncontent-length: 2");
    expect(request?.head.match(/content-length|transfer-encoding/gi)).toHaveLength(1);
  });

  test("A26 DEL in a value does not reach the instance", async () => {
    await ask(front.port, chat("{}", ["X-Note: a\x7fb"]));
    expect(upstream.requests[0]?.head).toMatch(/x-note: ab$/im);
  });

  test("A30 names that read as framing where underscores count as dashes are dropped", async () => {
    await ask(front.port, chat("{}", ["Transfer_Encoding: chunked", "Content_Length: 9", "X_BD_LOGID: 7"]));
    const head = upstream.requests[0]?.head ?? "";
    expect(head).not.toMatch(/transfer_encoding|content_length/i);
    expect(head).toMatch(/x_bd_logid: 7/i);
  });

  test("A65 nominated fields go, but not those that the instance needs", async () => {
    const fields = ["Connection: content-length, host, x-api-key, x-hop", "X-Api-Key: k", "X-Hop: 1", "TE: trailers"];
    const answer = await ask(
      front.port,
      chat("{}", [...fields, "Keep-Alive: 5", "Proxy-Authorization: p", "Upgrade: h2c"]),
    );
    expect(answer?.status).toBe(200);
    const head = upstream.requests[0]?.head.toLowerCase() ?? "";
    expect(head).toContain("x-api-key: k");
    expect(head).toContain("content-length: 2");
    expect(head).not.toMatch(/x-hop|^te:|keep-alive|proxy-|upgrade|^connection/m);
  });

  test("A58 request trailers do not reach the instance", async () => {
    const client = await RawClient.connect(front.port);
    client.send(
      `${LINE}Host: r\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nContent-Length: 9\r\nHost: evil\r\n\r\n`,
    );
    await client.until(({ received, closed }) => closed || received !== "", "an answer");
    expect(upstream.received).not.toContain("evil");
  });

  test("A62 a GET whose body is a request is one request", async () => {
    const client = await RawClient.connect(front.port);
    client.send(`GET /v1/models HTTP/1.1\r\nHost: r\r\nContent-Length: ${SMUGGLED.length}\r\n\r\n${SMUGGLED}`);
    await client.untilAnswers(1);
    await Bun.sleep(30);
    expect(answers(client.received)).toHaveLength(1);
    expect(upstream.received).not.toContain("smuggled");
    client.end();
  });

  test("A63 Expect: 100-continue gets its 100, and does not go on", async () => {
    const client = await RawClient.connect(front.port);
    client.send(`${LINE}Host: r\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n`);
    await client.until(({ received }) => received.startsWith("HTTP/1.1 100"), "the 100");
    client.send("{}");
    expect(answers(await client.untilAnswers(1))[0]?.status).toBe(200);
    expect(upstream.requests[0]?.head).not.toMatch(/expect/i);
    client.end();
  });

  test("an HTTP/1.0 client without Host is answered and closed", async () => {
    const client = await RawClient.connect(front.port);
    client.send("POST /v1/chat/completions HTTP/1.0\r\nContent-Length: 2\r\n\r\n{}");
    expect(answers(await client.untilClosed())[0]?.status).toBe(200);
  });

  test("field values keep their bytes above 0x7f both ways", async () => {
    const script = upstream.script;
    upstream.script = (peer) => peer.write(answerText("{}", "200 OK", ["X-Back: \xe9\xc4\x8d"]));
    const answer = await ask(front.port, chat("{}", ["X-Note: \xe9\xc4\x8d\xc4\x8a"]));
    upstream.script = script;
    expect(upstream.requests[0]?.head).toMatch(/x-note: \xe9\xc4\x8d\xc4\x8a\r\n/i);
    expect(answer?.head).toMatch(/x-back: \xe9\xc4\x8d/i);
  });
});

describe("methods and paths", () => {
  test("A37 CONNECT and A38 TRACE are refused with 405", async () => {
    expect((await ask(front.port, "CONNECT 169.254.169.254:80 HTTP/1.1\r\nHost: x\r\n\r\n"))?.status).toBe(405);
    expect((await ask(front.port, "TRACE /v1/models HTTP/1.1\r\nHost: x\r\n\r\n"))?.status).toBe(405);
    expect(upstream.received).toBe("");
  });

  test("A47 a path is routed and forwarded in one form, whatever its escapes", async () => {
    expect((await ask(front.port, chat("{}", [], "/v1/chat%2fcompletions")))?.status).toBe(200);
    expect((await ask(front.port, chat("{}", [], "/x/%2e%2e/v1/%63hat/completions")))?.status).toBe(200);
    expect(upstream.requests.map(({ head }) => head.split("\r\n")[0])).toEqual(
      Array(2).fill("POST /v1/chat/completions HTTP/1.1"),
    );
  });

  test("A47 what is no path of ours never reaches an instance", async () => {
    const paths = [
      "//v1/chat/completions",
      "/v1//chat/completions",
      "/v1/chat%252fcompletions",
      "/v1/chat/completions%00",
    ];
    for (const path of paths) expect((await ask(front.port, chat("{}", [], path)))?.status).toBe(404);
    const slash = await ask(front.port, chat("{}", [], "/v1/chat/completions/?a=1"));
    expect(slash?.status).toBe(307);
    expect(slash?.head).toMatch(/location: \/v1\/chat\/completions\?a=1\r?$/im);
    expect(upstream.received).toBe("");
  });

  test("A61 two pipelined requests without a body are answered in order", async () => {
    const client = await RawClient.connect(front.port);
    client.send("GET /registered_number HTTP/1.1\r\nHost: r\r\n\r\nGET /nothing HTTP/1.1\r\nHost: r\r\n\r\n");
    expect(answers(await client.untilAnswers(2)).map(({ status }) => status)).toEqual([200, 404]);
    client.end();
  });
});

describe("A67 spellings of chunked next to a length", () => {
  const names = [
    "Transfer-Encoding",
    "transfer-encoding",
    "Transfer-Encoding ",
    " Transfer-Encoding",
    "Transfer_Encoding",
    "Transfer-Encoding\t",
    "X: x\nTransfer-Encoding",
    "X: x\rTransfer-Encoding",
    "Transfer\u00adEncoding",
  ];
  const values = [
    "chunked",
    " chunked",
    "\tchunked",
    "\x0bchunked",
    "chunked\x00",
    "chunked,",
    ",chunked",
    "identity",
    "identity, chunked",
    "chunked, identity",
    "xchunked",
    '"chunked"',
    "chunked;q=1",
    "chunked\x0b",
    "\xa0chunked",
    "CHUNKED",
    "chunKed",
    "\x00chunked",
    "x\r\n chunked",
    "chunked\r\n\t",
  ];
  test.each(names)("%j: no value makes two requests out of one", async (name) => {
    for (const value of values) {
      upstream.received = "";
      const client = await RawClient.connect(front.port);
      const body = `0\r\n\r\n${SMUGGLED}`;
      client.send(`${LINE}Host: r\r\nContent-Length: ${body.length}\r\n${name}:${value}\r\n\r\n${body}`);
      await client.until(({ received, closed }) => closed || received !== "", "an answer");
      client.reset();
      expect(upstream.received.match(/HTTP\/1\.1\r\n/g)?.length ?? 0).toBeLessThanOrEqual(1);
      expect(answers(client.received).length).toBeLessThanOrEqual(1);
    }
  });
});
