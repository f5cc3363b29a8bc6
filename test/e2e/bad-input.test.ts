/** Whatever a client sends: a clear error in its own format, nothing forwarded, nothing crashed, and the next request is answered. */
import { afterAll, afterEach, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { Fleet } from "../support/fleet.ts";
import { askRaw, HttpConnection, postJson } from "../support/http-client.ts";
import { wholeAnswerBytes, type ScriptedInstance } from "../support/scripted-instance.ts";

setDefaultTimeout(30_000);

const CHAT = "/v1/chat/completions";
const MAX_BODY = 100_000;

let fleet: Fleet;
let instance: ScriptedInstance;

beforeAll(async () => {
  fleet = await Fleet.start({ flags: ["--max-body-bytes", String(MAX_BODY)] });
  instance = await fleet.scripted(({ socket }) => void socket.write(wholeAnswerBytes(`{"well":true}`)));
});
afterAll(() => fleet.stop());

let answered = 0;
afterEach(async () => {
  expect(instance.requests).toBe(answered);
  const answer = await fleet.chat({});
  expect(answer.text).toBe(`{"well":true}`);
  answered++;
});

test.each([
  ["nothing", ""],
  ["no JSON", "hello"],
  ["JSON that ends too soon", `{"messages":[`],
  ["an array", "[1,2]"],
  ["a string", `"text"`],
  ["null", "null"],
  ["two objects", "{}{}"],
  ["a byte order mark in UTF-16", Buffer.from("\ufeff{}", "utf16le")],
])("a body of %s is 400 in OpenAI's form", async (_, body) => {
  const answer = await fleet.ask({ path: CHAT, body });
  expect(answer.status).toBe(400);
  expect(answer.header("content-type")).toBe("application/json");
  expect(JSON.parse(answer.text)).toEqual({
    error: {
      message: expect.stringMatching(/^Invalid JSON format/),
      type: "invalid_request_error",
      param: null,
      code: "invalid_json",
    },
  });
});

test("nesting of a hundred thousand levels is an error or an answer, not a crash", async () => {
  const answer = await fleet.ask({ path: CHAT, body: `{"a":${"[".repeat(49_000)}${"]".repeat(49_000)}}` });
  expect([200, 400]).toContain(answer.status);
  if (answer.status === 200) answered++;
});

test("a body that is too large is 413", async () => {
  const answer = await fleet.ask({ path: CHAT, body: `{"a":"${"x".repeat(MAX_BODY)}"}` });
  expect(answer.status).toBe(413);
  expect(JSON.parse(answer.text)).toMatchObject({ error: { code: "body_too_large", type: "invalid_request_error" } });
});

test("a chunked body that grows too large is 413", async () => {
  const part = `1000\r\n${"x".repeat(0x1000)}\r\n`;
  const head = `POST ${CHAT} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n`;
  const answer = await askRaw(fleet.port, `${head}${part.repeat(30)}0\r\n\r\n`);
  expect(answer.status).toBe(413);
});

test("a chunked body is read like any other", async () => {
  const head = `POST ${CHAT} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n`;
  const answer = await askRaw(fleet.port, `${head}1\r\n{\r\n1\r\n}\r\n0\r\n\r\n`);
  expect(answer.status).toBe(200);
  answered++;
});

test.each([
  ["/v1/embeddings", "POST", "not_found_error"],
  [CHAT, "GET", "invalid_request_error"],
  [CHAT, "DELETE", "invalid_request_error"],
  ["/v1/models", "PUT", "invalid_request_error"],
])("%s by %s is an error in OpenAI's form", async (path, method, type) => {
  const answer = await fleet.ask({ path, method });
  expect(answer.status).toBe(type === "not_found_error" ? 404 : 405);
  expect(JSON.parse(answer.text)).toMatchObject({ error: { type } });
  if (answer.status === 405) expect(answer.header("allow")).toMatch(/^(GET|POST)$/);
});

test.each(["/", "/nowhere", "/v2", "/.env", "/health%00", "/..%2f..%2fetc/passwd"])(
  "%s is 404 as the Go router says it",
  async (path) => {
    const answer = await fleet.ask({ path });
    expect({ status: answer.status, text: answer.text }).toEqual({ status: 404, text: "404 page not found" });
  },
);

test.each([
  [`${CHAT}/`, "POST", 307, CHAT],
  ["/registered/", "GET", 301, "/registered"],
])("a slash too many, %s by %s, is %p to where it is right", async (path, method, status, location) => {
  const answer = await fleet.ask({ path, method });
  expect({ status: answer.status, location: answer.header("location") }).toEqual({ status, location });
});

describe("requests that are no HTTP/1.1", () => {
  test.each([
    ["two lengths", `POST ${CHAT} HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}`],
    [
      "length and chunks",
      `POST ${CHAT} HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`,
    ],
    ["a length with a sign", `POST ${CHAT} HTTP/1.1\r\nhost: x\r\ncontent-length: +2\r\n\r\n{}`],
    [
      "a chunk size that is none",
      `POST ${CHAT} HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n`,
    ],
    ["a folded field", `POST ${CHAT} HTTP/1.1\r\nhost: x\r\nx: a\r\n b\r\ncontent-length: 2\r\n\r\n{}`],
    ["a space before the colon", `POST ${CHAT} HTTP/1.1\r\nhost: x\r\ncontent-length : 2\r\n\r\n{}`],
    ["no host", `POST ${CHAT} HTTP/1.1\r\ncontent-length: 2\r\n\r\n{}`],
    ["a NUL", `POST ${CHAT} HTTP/1.1\r\nhost: x\r\nx: a\0b\r\ncontent-length: 2\r\n\r\n{}`],
    ["a TLS hello", Buffer.from("16030100c8010000c40303", "hex")],
    ["HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
  ])("%s: refused, or the connection ends", async (_, bytes) => {
    using connection = await HttpConnection.connect(fleet.port);
    const answer = connection.send(bytes);
    // An incomplete TLS hello is waited for: the client's patience ends first.
    const { status } = await Promise.race([answer, Bun.sleep(300).then(() => ({ status: 0 }))]);
    expect([0, 400, 431, 505]).toContain(status);
  });

  test("a Host that is no authority is answered, not thrown", async () => {
    const answer = await askRaw(fleet.port, "GET /nowhere HTTP/1.1\r\nhost: a b/c@d\r\n\r\n");
    expect([400, 404]).toContain(answer.status);
  });
});

describe("registrations", () => {
  test.each([
    ["no JSON", "x"],
    ["an array", "[]"],
    ["no role", { host_ip: "127.0.0.1", port: 1 }],
    ["a role that there is not", { role: "chef", host_ip: "127.0.0.1", port: 1 }],
    ["a name for an address", { role: "mixed", host_ip: "http://user@host/", port: 1 }],
    ["a line end in the address", { role: "mixed", host_ip: "127.0.0.1\r\nx: y", port: 1 }],
    ["a port out of range", { role: "mixed", host_ip: "127.0.0.1", port: 70_000 }],
    ["a metadata address", { role: "mixed", host_ip: "169.254.169.254", port: 80 }],
    ["a prototype", `{"__proto__":{"role":"mixed"},"host_ip":"127.0.0.1","port":1}`],
  ])("%s is 400 in the Go router's form", async (_, body) => {
    const answer = await fleet.ask({ path: "/register", body: typeof body === "string" ? body : JSON.stringify(body) });
    expect(answer.status).toBe(400);
    expect(JSON.parse(answer.text)).toMatchObject({ code: 400, msg: expect.any(String) });
  });

  test("an instance that does not answer is 503, and is not used", async () => {
    const closed = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => undefined } });
    const { port } = closed;
    closed.stop(true);
    const answer = await fleet.ask(postJson("/register", { role: "mixed", host_ip: "127.0.0.1", port }));
    expect(answer.status).toBe(503);
    await fleet.usable(1);
  });

  test("a registration of 10 MB is refused", async () => {
    const answer = await fleet.ask({ path: "/register", body: `{"role":"${"x".repeat(10_000_000)}"}` });
    expect([400, 413]).toContain(answer.status);
  });
});

describe("frames on the registration port", () => {
  test.each([
    ["a length of 4 GiB", "ffffffff"],
    ["a length of nothing", "00000000"],
    ["an array of 67 million", "00000005dd04000000"],
    ["nested arrays", `0000${(4000).toString(16).padStart(4, "0")}${"91".repeat(4000)}`],
    ["the byte that msgpack never uses", "00000001c1"],
    ["an HTTP request", Buffer.from("GET / HTTP/1.1\r\nhost: x\r\n\r\n").toString("hex")],
  ])("%s ends the connection", async (_, hex) => {
    const closed = Promise.withResolvers<void>();
    const socket = await Bun.connect({
      hostname: "127.0.0.1",
      port: fleet.registrationPort,
      socket: { data: () => undefined, end: () => closed.resolve(), close: () => closed.resolve() },
    });
    socket.write(Buffer.from(hex, "hex"));
    await closed.promise;
    socket.terminate();
  });
});
