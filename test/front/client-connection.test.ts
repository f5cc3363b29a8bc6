import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { outbox } from "../../src/lib/outbox.ts";
import { echo, FakeSocket } from "./support/fake-socket.ts";

const post = (path: string, body: string, fields = ""): string =>
  `POST ${path} HTTP/1.1\r\nHost: r\r\nContent-Length: ${body.length}\r\n${fields}\r\n${body}`;
const get = (path: string, fields = ""): string => `GET ${path} HTTP/1.1\r\nHost: r\r\n${fields}\r\n`;

/** Bodies of answers with a length, in order. */
function bodies(sent: string): string[] {
  const found: string[] = [];
  let rest = sent;
  while (rest !== "") {
    const end = rest.indexOf("\r\n\r\n") + 4;
    const length = Number(/content-length: (\d+)/.exec(rest.slice(0, end))?.[1]);
    found.push(rest.slice(end, end + length));
    rest = rest.slice(end + length);
  }
  return found;
}

describe("requests on one connection", () => {
  test("are answered in order, however they are cut and however little the socket takes", async () => {
    const request = fc.record({
      body: fc.string({ unit: fc.constantFrom("a", "\r", "\n"), maxLength: 20 }),
      chunked: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(request, { minLength: 1, maxLength: 6 }),
        fc.array(fc.nat(2000), { maxLength: 12 }),
        fc.integer({ min: 1, max: 30 }),
        async (requests, cuts, takes) => {
          const socket = new FakeSocket({ accept: echo, takes: () => takes });
          const text = requests
            .map(({ body, chunked }, i) =>
              chunked
                ? `POST /${i} HTTP/1.1\r\nHost: r\r\nTransfer-Encoding: chunked\r\n\r\n${body === "" ? "" : `${body.length.toString(16)}\r\n${body}\r\n`}0\r\n\r\n`
                : post(`/${i}`, body),
            )
            .join("");
          const places = [0, ...cuts.map((cut) => cut % text.length).toSorted((a, b) => a - b), text.length];
          for (const [i, end] of places.slice(1).entries()) {
            if (end > (places[i] ?? 0)) socket.receive(text.slice(places[i], end));
            if (i % 2 === 0) await socket.turn();
          }
          for (let i = 0; i < requests.length; i++) await socket.turn();
          outbox.flush();
          for (let i = 0; i < 2000; i++) socket.connection.drained();
          const expected = requests.map(({ body }, i) => `/${i}:${body}`);
          expect(bodies(socket.sent)).toEqual(expected);
          expect(socket.clients).toHaveLength(requests.length);
          expect(socket.crashes).toEqual([]);
        },
      ),
      { numRuns: 60 },
    );
  });

  test("with long bodies stay whole when those before them are done with", async () => {
    for (const length of [8192, 8193, 20_000]) {
      const socket = new FakeSocket({ accept: echo });
      const long = (letter: string): string => post(`/${letter}`, letter.repeat(length));
      const text = ["a", "b", "c"].map(long).join("");
      const half = text.length - length / 2;
      socket.receive(text.slice(0, half));
      for (let i = 0; i < 3; i++) await socket.turn();
      socket.receive(text.slice(half));
      await socket.turn();
      expect(bodies(socket.sent)).toEqual(["a", "b", "c"].map((each) => `/${each}:${each.repeat(length)}`));
      expect(socket.crashes).toEqual([]);
    }
  });

  test("that come before their turn are kept up to a limit, then the socket is not read", async () => {
    const socket = new FakeSocket();
    socket.receive(get("/a"));
    socket.receive(get("/b", `X: ${"x".repeat(10_000)}\r\n`).repeat(5));
    expect([socket.paused, socket.clients.length]).toEqual([false, 1]);
    socket.receive(get("/b", `X: ${"x".repeat(10_000)}\r\n`).repeat(2));
    expect(socket.paused).toBe(true);
    socket.clients[0]?.head(200, []);
    socket.clients[0]?.end();
    expect(socket.paused).toBe(false);
    await socket.turn();
    expect(socket.clients[1]?.path).toBe("/b");
  });

  test("end with the one that asks for it, and with the first while the router drains", () => {
    for (const fields of ["Connection: close\r\n", ""]) {
      const socket = new FakeSocket();
      socket.draining = fields === "";
      socket.receive(get("/a", fields) + get("/b"));
      socket.clients[0]?.head(204, []);
      socket.clients[0]?.end();
      expect(socket.sent).toMatch(/^HTTP\/1\.1 204 No Content\r\ndate: [^\r]+\r\nconnection: close\r\n\r\n$/);
      expect([socket.state, socket.clients.length]).toEqual(["shut", 1]);
    }
  });

  test("end with an answer to a body that nobody read", () => {
    const socket = new FakeSocket();
    socket.receive("POST /a HTTP/1.1\r\nHost: r\r\nContent-Length: 10\r\n\r\n123");
    socket.clients[0]?.head(404, []);
    socket.clients[0]?.end();
    expect(socket.sent).toContain("connection: close");
    socket.receive("4567890GET /b HTTP/1.1\r\nHost: r\r\n\r\n");
    expect([socket.state, socket.clients.length]).toEqual(["shut", 1]);
  });
});

describe("an answer", () => {
  test("that is flushed leaves at once, head and first part in one write, and ends with the last chunk", () => {
    const socket = new FakeSocket();
    socket.receive(get("/a"));
    const [client] = socket.clients;
    client?.head(200, [["content-type", "text/event-stream"]]);
    client?.flush();
    expect(socket.sent).toEndWith("transfer-encoding: chunked\r\n\r\n");
    const { length } = socket.sent;
    client?.write(Buffer.from("data: 1"));
    client?.write(Buffer.from("\n\n"));
    client?.flush();
    client?.flush();
    expect(socket.sent.slice(length)).toBe("9\r\ndata: 1\n\n\r\n");
    client?.write(Buffer.from("x"));
    client?.end();
    expect(socket.sent.slice(length)).toBe("9\r\ndata: 1\n\n\r\n1\r\nx\r\n0\r\n\r\n");
    expect(socket.state).toBe("open");
  });

  test("of a stream to HTTP/1.0 has no chunks and ends with the connection", () => {
    const socket = new FakeSocket();
    socket.receive("GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    socket.clients[0]?.head(200, []);
    socket.clients[0]?.write(Buffer.from("one"));
    socket.clients[0]?.flush();
    socket.clients[0]?.write(Buffer.from("two"));
    socket.clients[0]?.end();
    expect(socket.sent).toMatch(/\r\nconnection: close\r\n\r\nonetwo$/);
    expect(socket.sent).not.toContain("transfer-encoding");
    expect(socket.state).toBe("shut");
  });

  test("to HEAD has the length of its body, and no body", () => {
    const socket = new FakeSocket();
    socket.receive("HEAD /a HTTP/1.1\r\nHost: r\r\n\r\n");
    socket.clients[0]?.head(200, []);
    socket.clients[0]?.write(Buffer.from("four"));
    socket.clients[0]?.end();
    expect(socket.sent).toEndWith("content-length: 4\r\n\r\n");
  });

  test("does not repeat framing or a date that the instance gave", () => {
    const socket = new FakeSocket();
    socket.receive(get("/a"));
    socket.clients[0]?.head(200, [
      ["Date", "then"],
      ["Content-Length", "9"],
      ["Transfer-Encoding", "chunked"],
    ]);
    socket.clients[0]?.end();
    expect(socket.sent).toBe("HTTP/1.1 200 OK\r\nDate: then\r\ncontent-length: 0\r\n\r\n");
  });

  test("with a status or field that is none is not sent, and can be given otherwise", () => {
    const socket = new FakeSocket();
    socket.receive(get("/a"));
    const [client] = socket.clients;
    for (const [status, value] of [
      [99, "x"],
      [200, "a\r\nb"],
    ] as const) {
      client?.head(status, [["x", value]]);
      expect(() => client?.end()).toThrow(/cannot/);
    }
    client?.head(500, []);
    client?.end();
    expect(socket.sent).toStartWith("HTTP/1.1 500 Internal Server Error\r\n");
  });

  test("that the client does not take waits for the socket, and says so once it has drained", () => {
    let takes = 0;
    const socket = new FakeSocket({ takes: () => takes });
    socket.receive(get("/a"));
    const [client] = socket.clients;
    let drained = 0;
    if (client !== undefined) client.watcher = { left() {}, drained: () => drained++ };
    client?.head(200, []);
    expect(client?.flush()).toBe(false);
    takes = 7;
    socket.connection.drained();
    expect(drained).toBe(0);
    takes = Infinity;
    socket.connection.drained();
    expect([drained, socket.sent.endsWith("\r\n\r\n")]).toEqual([1, true]);
  });

  test("without chunks that is cut ends with a reset, since its end is that of the connection", async () => {
    const socket = new FakeSocket();
    socket.receive("GET /a HTTP/1.0\r\n\r\n");
    socket.clients[0]?.head(200, []);
    socket.clients[0]?.write(Buffer.from("part"));
    socket.clients[0]?.flush();
    socket.clients[0]?.abort();
    expect(socket.state).toBe("open");
    await socket.turn();
    await socket.turn();
    expect([socket.state, socket.sent.endsWith("part")]).toEqual(["terminated", true]);
  });

  test("that is the last one may be read slowly", () => {
    let takes = 10;
    const socket = new FakeSocket({ takes: () => takes });
    socket.receive(get("/a", "Connection: close\r\n"));
    socket.clients[0]?.head(200, []);
    socket.clients[0]?.end();
    for (let i = 0; i < 5; i++) {
      socket.now += 50_000;
      socket.connection.checkClock(socket.now);
      expect([socket.state, socket.connection.isSending]).toEqual(["open", true]);
      socket.connection.drained();
    }
    takes = Infinity;
    socket.connection.drained();
    expect([socket.state, socket.sent.endsWith("connection: close\r\n\r\n")]).toEqual(["shut", true]);
  });

  test("that is cut ends without its last chunk; with a reset where the client takes nothing", () => {
    for (const takes of [Infinity, 3]) {
      const socket = new FakeSocket({ takes: () => takes });
      socket.receive(get("/a"));
      socket.clients[0]?.head(200, []);
      socket.clients[0]?.flush();
      socket.clients[0]?.abort();
      expect(socket.state).toBe(takes === 3 ? "terminated" : "shut");
      expect(socket.sent).not.toContain("0\r\n\r\n");
    }
  });
});

describe("a client that", () => {
  test("leaves is told of once, and hears no more", () => {
    const socket = new FakeSocket();
    socket.receive(get("/a"));
    const [client] = socket.clients;
    let gone = 0;
    if (client !== undefined) client.watcher = { left: () => gone++, drained() {} };
    socket.connection.closed();
    socket.connection.closed();
    client?.flush();
    client?.end();
    expect([gone, client?.gone, socket.sent]).toEqual([1, true, ""]);
  });

  test("waits for 100 Continue gets it when its body is wanted", async () => {
    const socket = new FakeSocket();
    socket.receive("POST /a HTTP/1.1\r\nHost: r\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    expect(socket.sent).toBe("");
    const body = socket.clients[0]?.readBody(10);
    expect(socket.sent).toBe("HTTP/1.1 100 Continue\r\n\r\n");
    socket.receive("{}");
    expect((await body)?.toString()).toBe("{}");
  });

  test("sends a body that nobody wants is not read beyond a limit", () => {
    const socket = new FakeSocket();
    socket.receive("POST /a HTTP/1.1\r\nHost: r\r\nContent-Length: 1000000\r\n\r\n");
    socket.receive("x".repeat(70_000));
    expect(socket.paused).toBe(true);
    void socket.clients[0]?.readBody(1_000_000);
    expect(socket.paused).toBe(false);
  });

  test("sent a large body in one piece is read on, so that its leaving is noticed", () => {
    const socket = new FakeSocket({ accept: (client) => void client.readBody(1_000_000) });
    socket.receive(post("/a", "x".repeat(100_000)));
    expect(socket.paused).toBe(false);
  });

  test("ends its lines with LF alone is refused at once", () => {
    const socket = new FakeSocket();
    socket.receive("GET / HTTP/1.1\nHost: r\n\n");
    expect(socket.sent).toStartWith("HTTP/1.1 400 ");
  });

  test("is no HTTP client is refused with its first bytes", () => {
    for (const bytes of ["\x16\x03\x01", "\0\0", " GET"]) {
      const socket = new FakeSocket();
      socket.receive(bytes);
      expect(socket.sent).toStartWith("HTTP/1.1 400 Bad Request\r\n");
      expect([socket.state, socket.clients.length]).toEqual(["shut", 0]);
    }
  });

  test("sends a head without end is refused with 431", () => {
    const socket = new FakeSocket();
    for (let i = 0; i < 34 && socket.sent === ""; i++) socket.receive("x".repeat(1000));
    expect(socket.sent).toStartWith("HTTP/1.1 431 ");
  });
});

describe("clocks", () => {
  const ages: readonly [what: string, bytes: string, ms: number][] = [
    ["60 s without a request", "", 60_000],
    ["10 s in a head", "GET /", 10_000],
  ];
  test.each(ages)("a connection ends after %s", (_, bytes, ms) => {
    const socket = new FakeSocket();
    if (bytes !== "") socket.receive(bytes);
    socket.connection.checkClock(ms - 1);
    expect(socket.state).toBe("open");
    // A byte now and then does not help.
    socket.now = ms - 1;
    if (bytes !== "") socket.receive("x");
    socket.connection.checkClock(ms);
    expect(socket.state).toBe("shut");
    socket.connection.checkClock(socket.now + 2000);
    expect(socket.state).not.toBe("open");
  });

  test("an answer has no clock here: engines may take their time", () => {
    const socket = new FakeSocket();
    socket.receive(get("/a"));
    socket.connection.checkClock(1e9);
    expect(socket.state).toBe("open");
  });

  test("a slow body is answered by whoever wants it", async () => {
    const socket = new FakeSocket();
    socket.receive("POST /a HTTP/1.1\r\nHost: r\r\nContent-Length: 2\r\n\r\n{");
    const body = socket.clients[0]?.readBody(10);
    socket.connection.checkClock(9999);
    socket.connection.checkClock(10_000);
    await expect(body).rejects.toMatchObject({ code: "body_timeout" });
  });
});

test("a mistake of ours costs its connection, and is reported", () => {
  const socket = new FakeSocket({
    accept: () => {
      throw new Error("ours");
    },
  });
  socket.receive(get("/a"));
  expect([socket.state, String(socket.crashes)]).toEqual(["terminated", "Error: ours"]);
});
