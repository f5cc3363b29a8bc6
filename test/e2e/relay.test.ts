/** What goes through the router comes out as it went in, both ways. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { chatJson, expectedAnswer, timeless, type ChatRequest } from "../support/expected-answer.ts";
import { Fleet } from "../support/fleet.ts";
import { HttpConnection, postJson, type HttpAnswer } from "../support/http-client.ts";
import {
  chunk,
  STREAM_HEAD,
  wholeAnswerBytes,
  type Script,
  type ScriptedRequest,
} from "../support/scripted-instance.ts";

setDefaultTimeout(30_000);
import { until } from "../support/until.ts";

const CHAT = "/v1/chat/completions";

let engines: Fleet;
let scripted: Fleet;
let script: Script = () => undefined;

beforeAll(async () => {
  [engines, scripted] = await Promise.all([Fleet.start(), Fleet.start()]);
  await Promise.all([engines.engine(), scripted.scripted((request) => script(request))]);
});
afterAll(async () => {
  await Promise.all([engines.stop(), scripted.stop()]);
});

test.each([true, false])("the answer of an engine arrives byte for byte (stream: %p)", async (stream) => {
  for (const tokens of [1, 2, 300]) {
    const request: ChatRequest = { id: `chatcmpl-${stream}-${tokens}`, content: `say ${tokens}`, tokens, stream };
    const answer = await engines.chat(chatJson(request));
    expect(answer).toMatchObject({ status: 200, complete: true });
    expect(timeless(answer.text)).toBe(expectedAnswer(request));
  }
});

test("a connection carries one answer after the other", async () => {
  using connection = await HttpConnection.connect(engines.port);
  for (let i = 0; i < 50; i++) {
    const request: ChatRequest = {
      id: `chatcmpl-${i}`,
      content: `turn ${i}`,
      tokens: 1 + (i % 7),
      stream: i % 2 === 0,
    };
    const answer = await connection.ask(postJson(CHAT, chatJson(request)));
    expect(timeless(answer.text)).toBe(expectedAnswer(request));
  }
});

const AWKWARD_EVENTS = [
  "data: plain\n\n",
  "data: with carriage returns\r\n\r\n",
  ": a comment\n\n",
  "event: named\nid: 7\nretry: 10\ndata: several\ndata: lines\n\n",
  "data: €uro 漢字 🚀 é\n\n",
  "data:\n\n",
  `data: ${"x".repeat(5000)}\n\n`,
  "data: [DONE]\n\n",
].join("");
const SHORT_EVENTS = Buffer.from(AWKWARD_EVENTS.replace(/x{9,}/, "short"));

test("an event stream that comes in segments of one byte keeps its bytes", async () => {
  script = async ({ socket }) => {
    socket.write(STREAM_HEAD);
    const chunks = [...SHORT_EVENTS].map((byte) => chunk(new Uint8Array([byte])));
    for (const byte of Buffer.concat([...chunks, chunk("")])) {
      socket.write(new Uint8Array([byte]));
      if (byte === 10) await Bun.sleep(0);
    }
  };
  const answer = await scripted.chat({ stream: true });
  expect(answer).toMatchObject({ status: 200, complete: true });
  expect(answer.body.equals(SHORT_EVENTS)).toBe(true);
});

test("characters that are split between two chunks keep their bytes", async () => {
  const events = Buffer.from(AWKWARD_EVENTS);
  script = async ({ socket }) => {
    socket.write(STREAM_HEAD);
    for (let at = 0; at < events.length; at += 3) {
      socket.write(chunk(events.subarray(at, at + 3)));
      if (at % 300 === 0) await Bun.sleep(0);
    }
    await writeAll(socket, chunk(""));
  };
  const answer = await scripted.chat({ stream: true });
  expect(answer.complete).toBe(true);
  expect(answer.body.equals(events)).toBe(true);
});

test("each event is passed on before the next one is there", async () => {
  const seen = Array.from({ length: 5 }, () => Promise.withResolvers<void>());
  script = async ({ socket }) => {
    socket.write(STREAM_HEAD);
    for (const [i, { promise }] of seen.entries()) {
      socket.write(chunk(`data: ${i}\n\n`));
      await promise;
    }
    await writeAll(socket, chunk(""));
  };
  using connection = await HttpConnection.connect(scripted.port);
  let next = 0;
  const answer = await connection.ask(postJson(CHAT, { stream: true }), () => seen[next++]?.resolve());
  expect(answer.text).toBe("data: 0\n\ndata: 1\n\ndata: 2\n\ndata: 3\n\ndata: 4\n\n");
});

test.each([
  ["with its length", (body: Buffer) => wholeAnswerBytes(body)],
  [
    "chunked",
    (body: Buffer) =>
      Buffer.concat([Buffer.from("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"), chunk(body), chunk("")]),
  ],
  ["up to the close", (body: Buffer) => Buffer.concat([Buffer.from("HTTP/1.1 200 OK\r\n\r\n"), body])],
])("20 MB %s arrive whole", async (framing, encode) => {
  const body = randomBytes(20_000_000, 1);
  script = async ({ socket }) => {
    await writeAll(socket, encode(body));
    if (framing === "up to the close") socket.end();
  };
  const answer = await scripted.chat({});
  expect(answer).toMatchObject({ status: 200, complete: true });
  expect(answer.body.equals(body)).toBe(true);
});

test.each([
  ["a stream", "content-type: text/event-stream\r\n"],
  ["a long answer", ""],
])("a client that does not read %s stops the instance, and gets every byte when it does", async (_, field) => {
  const part = chunk(randomBytes(100_000, 2));
  // 100 MB: well above what the buffers of the kernel hold on the way (31 MB were seen).
  const parts = 1_000;
  let sent = 0;
  script = async ({ socket }) => {
    socket.write(`HTTP/1.1 200 OK\r\n${field}transfer-encoding: chunked\r\n\r\n`);
    for (; sent < parts; sent++) await writeAll(socket, part);
    await writeAll(socket, chunk(""));
  };
  using connection = await HttpConnection.connect(scripted.port);
  const { promise: begun, resolve } = Promise.withResolvers<void>();
  const answer = connection.ask(postJson(CHAT, {}), () => resolve());
  await begun;
  connection.pause();
  let before = -1;
  const stands = async (): Promise<boolean> => {
    const still = sent === before;
    before = sent;
    if (!still) await Bun.sleep(200);
    return still;
  };
  await until(stands, "the instance is held back", 10_000);
  expect(sent).toBeLessThan(parts);
  connection.resume();
  const { complete, body } = await answer;
  expect({ complete, length: body.length }).toEqual({ complete: true, length: parts * 100_000 });
});

test("an event of a megabyte arrives whole", async () => {
  const event = `data: ${"é".repeat(500_000)}\n\n`;
  script = async ({ socket }) => {
    socket.write(STREAM_HEAD);
    await writeAll(socket, Buffer.concat([chunk(event), chunk("")]));
  };
  const answer = await scripted.chat({ stream: true });
  expect(answer.complete).toBe(true);
  expect(answer.text === event).toBe(true);
});

test.each([
  [
    "odd spacing, order and repetition",
    ' {"z" : 1e999 ,"stream":  false, "a":"\\u00e9\\ud83d","a":2,\n"n":12345678901234567890}\n',
  ],
  ["a body of 5 MB", JSON.stringify({ messages: [{ role: "user", content: "grüße ".repeat(800_000) }] })],
])("the instance gets the client's own bytes: %s", async (_, body) => {
  let received: ScriptedRequest | null = null;
  script = (request) => {
    received = request;
    request.socket.write(wholeAnswerBytes("{}"));
  };
  const answer = await scripted.ask({ path: CHAT, body });
  expect(answer.status).toBe(200);
  expect((received as ScriptedRequest | null)?.body.equals(Buffer.from(body))).toBe(true);
});

test("fields of a request go on, those of the hop do not", async () => {
  let head = "";
  script = (request) => {
    head = request.head;
    request.socket.write(wholeAnswerBytes("{}"));
  };
  const headers = {
    "x-tenant": "blue",
    authorization: "Bearer key",
    connection: "x-once, close",
    "x-once": "1",
    "keep-alive": "timeout=5",
    te: "trailers",
    "proxy-authorization": "Basic x",
  };
  await scripted.ask({ path: `${CHAT}?trace=1`, body: "{}", headers });
  expect(head).toStartWith(`POST ${CHAT} HTTP/1.1\r\nhost: 127.0.0.1:`);
  expect(head).toMatch(/^x-tenant: blue$/im);
  expect(head).toMatch(/^authorization: Bearer key$/im);
  expect(head).not.toMatch(/^(connection|x-once|keep-alive|te|proxy-authorization|transfer-encoding):/im);
  expect(head.match(/^content-length: 2$/gim)).toHaveLength(1);
});

test("status and fields of an answer go on, those of the hop do not, and the router names the instance", async () => {
  script = ({ socket }) => {
    const fields = [
      "Content-Type: application/json",
      "X-Engine: 7",
      "Set-Cookie: a=1",
      "Set-Cookie: b=2",
      "Connection: x-hop, close",
      "X-Hop: 1",
      "X-Router-Instance: forged",
      "Retry-After: 3",
    ];
    socket.write(`HTTP/1.1 429 Too Many\r\n${fields.join("\r\n")}\r\nContent-Length: 15\r\n\r\n{"detail":"no"}`);
  };
  const answer = await scripted.chat({});
  expect({ status: answer.status, text: answer.text }).toEqual({ status: 429, text: `{"detail":"no"}` });
  expect(fieldsOf(answer, "set-cookie")).toEqual(["a=1", "b=2"]);
  expect(answer.header("x-engine")).toBe("7");
  expect(answer.header("retry-after")).toBe("3");
  expect(answer.header("x-hop")).toBe("");
  expect(fieldsOf(answer, "x-router-instance")).toEqual([expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/)]);
});

test("bytes behind an answer do not become the next one", async () => {
  script = ({ socket }) => {
    socket.write(Buffer.concat([wholeAnswerBytes(`{"n":1}`), wholeAnswerBytes(`{"forged":true}`)]));
  };
  expect((await scripted.chat({})).text).toBe(`{"n":1}`);
  script = ({ socket }) => void socket.write(wholeAnswerBytes(`{"n":2}`));
  expect((await scripted.chat({})).text).toBe(`{"n":2}`);
});

test.each([
  ["no HTTP at all", "SSH-2.0-OpenSSH\r\n\r\n"],
  ["two lengths", "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}"],
  ["a folded field", "HTTP/1.1 200 OK\r\nx: a\r\n b\r\ncontent-length: 2\r\n\r\n{}"],
  ["status 99", "HTTP/1.1 099 Odd\r\ncontent-length: 0\r\n\r\n"],
  ["101 that nobody asked for", "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n"],
])("an answer with %s is 502 and says so in OpenAI's form", async (_, bytes) => {
  script = ({ socket }) => void socket.write(bytes);
  const answer = await scripted.chat({});
  expect(answer.status).toBe(502);
  expect(JSON.parse(answer.text)).toMatchObject({ error: { code: "upstream_invalid", type: "server_error" } });
});

test("nothing is left in flight", async () => {
  await Promise.all([engines.idle(), scripted.idle()]);
});

function fieldsOf(answer: HttpAnswer, lowerName: string): string[] {
  return answer.headers.filter(([name]) => name === lowerName).map(([, value]) => value);
}

function randomBytes(length: number, seed: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  let state = seed;
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}

async function writeAll(socket: ScriptedRequest["socket"], bytes: Buffer): Promise<void> {
  for (let sent = 0; sent < bytes.length;) {
    const written = socket.write(bytes.subarray(sent));
    if (written < 0) return;
    sent += written;
    if (sent < bytes.length) await Bun.sleep(1);
  }
}
