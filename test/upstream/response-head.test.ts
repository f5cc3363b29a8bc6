import { describe, expect, test } from "bun:test";
import { isHopByHop, readResponseHead, type ResponseHead } from "../../src/upstream/response-head.ts";

function read(...lines: readonly string[]): ResponseHead | string {
  const result = readResponseHead(lines.join("\r\n"));
  return result.ok ? result.head : result.problem;
}

function good(...lines: readonly string[]): ResponseHead {
  const head = read(...lines);
  if (typeof head === "string") throw new Error(head);
  return head;
}

test("fields keep order, spelling and repetition; framing and hop-by-hop ones are taken out", () => {
  const head = good(
    "HTTP/1.1 200 Fine",
    "X-B: 1",
    "Content-Length: 3",
    "x-a:  two words \t",
    "Connection: X-Gone, keep-alive",
    "X-Gone: 1",
    "Keep-Alive: 5",
    "Set-Cookie: a",
    "Set-Cookie: b",
    "Upgrade: h2",
    "Trailer: x",
    "Empty:",
  );
  expect(head.headers).toEqual([
    ["X-B", "1"],
    ["x-a", "two words"],
    ["Set-Cookie", "a"],
    ["Set-Cookie", "b"],
    ["Empty", ""],
  ]);
  expect(head.framing).toEqual({ kind: "length", bytes: 3 });
  expect(head.keepAlive).toBe(true);
});

test("Content-Type is kept though Connection names it", () => {
  const head = good(
    "HTTP/1.1 200 OK",
    "Connection: content-type",
    "Content-Type: Text/Event-Stream ; charset=x",
    "Content-Length: 0",
  );
  expect([head.mediaType, head.headers.length]).toEqual(["text/event-stream", 1]);
});

describe("framing", () => {
  test.each([
    [["Content-Length: 12"], { kind: "length", bytes: 12 }, true],
    [["Content-Length: 12", "Content-Length: 12"], { kind: "length", bytes: 12 }, true],
    [["Content-Length: 12, 12"], { kind: "length", bytes: 12 }, true],
    [["Transfer-Encoding: Chunked"], { kind: "chunked" }, true],
    [["Transfer-Encoding: chunked", "Content-Length: 1"], { kind: "chunked" }, false],
    [[], { kind: "close" }, false],
    [["Content-Length: 0", "Connection: close"], { kind: "length", bytes: 0 }, false],
    [["Content-Length: 0", "Connection: Keep-Alive, CLOSE"], { kind: "length", bytes: 0 }, false],
  ] as const)("%j", (fields, framing, keepAlive) => {
    const head = good("HTTP/1.1 200 OK", ...fields);
    expect([head.framing, head.keepAlive]).toEqual([framing, keepAlive]);
  });

  test.each([204, 304])("a %i has no body, whatever its fields say", (status) => {
    expect(good(`HTTP/1.1 ${status} X`, "Transfer-Encoding: chunked").framing).toEqual({ kind: "length", bytes: 0 });
  });

  test("HTTP/1.0 is kept alive only when asked for, and never with chunked coding", () => {
    expect(good("HTTP/1.0 200 OK", "Content-Length: 0").keepAlive).toBe(false);
    expect(good("HTTP/1.0 200 OK", "Content-Length: 0", "Connection: keep-alive").keepAlive).toBe(true);
    expect(good("HTTP/1.0 200 OK", "Transfer-Encoding: chunked", "Connection: keep-alive").keepAlive).toBe(false);
  });
});

describe("refused", () => {
  test.each([
    [["HTTP/1.1 0 X"]],
    [["HTTP/1.1 99 X"]],
    [["HTTP/1.1 600 X"]],
    [["HTTP/1.1 999 X"]],
    [["HTTP/1.1 99999 X"]],
    [["HTTP/1.1 2OO OK"]],
    [["HTTP/2 200 OK"]],
    [["http/1.1 200 OK"]],
    [["HTTP/1.1  200 OK"]],
    [["ICY 200 OK"]],
    [[""]],
    [["HTTP/1.1 200 a\0b"]],
    [["HTTP/1.1 200 OK", "NoColon"]],
    [["HTTP/1.1 200 OK", ": x"]],
    [["HTTP/1.1 200 OK", " Folded: x"]],
    [["HTTP/1.1 200 OK", "X: a", " b"]],
    [["HTTP/1.1 200 OK", "X : a"]],
    [["HTTP/1.1 200 OK", "X(y): a"]],
    [["HTTP/1.1 200 OK", "X\xe9: a"]],
    [["HTTP/1.1 200 OK", "X: a\0"]],
    [["HTTP/1.1 200 OK", "X: a\rb"]],
    [["HTTP/1.1 200 OK", "X: a\nB: c"]],
    [["HTTP/1.1 200 OK", "X: a\n"]],
    [["HTTP/1.1 200 OK", "X: a\x0b"]],
    [["HTTP/1.1 200 OK", "X: \x7fa"]],
    [["HTTP/1.1 200 OK", "Content-Length: 1, 2"]],
    [["HTTP/1.1 200 OK", "Content-Length: 1", "Content-Length: 2"]],
    [["HTTP/1.1 200 OK", "Content-Length: +1"]],
    [["HTTP/1.1 200 OK", "Content-Length: 0x1"]],
    [["HTTP/1.1 200 OK", "Content-Length:"]],
    [["HTTP/1.1 200 OK", "Content-Length: \xa05"]],
    [["HTTP/1.1 200 OK", "Content-Length: 9999999999999999"]],
    [["HTTP/1.1 200 OK", "Transfer-Encoding: gzip"]],
    [["HTTP/1.1 200 OK", "Transfer-Encoding: gzip, chunked"]],
    [["HTTP/1.1 200 OK", "Transfer-Encoding: chunked", "Transfer-Encoding: chunked"]],
    [["HTTP/1.1 200 OK", "Transfer-Encoding: \xa0chunked"]],
    [["HTTP/1.1 200 OK", "Transfer-Encoding: \x0bchunked"]],
  ])("%j", (lines) => {
    expect(typeof read(...lines)).toBe("string");
  });
});

test("a reason may be missing, and bytes above 0x7f in values stay", () => {
  expect(good("HTTP/1.1 200", "X: \xe9\xff").headers).toEqual([["X", "\xe9\xff"]]);
});

test("the hop-by-hop list has what proxies must not pass on", () => {
  expect(
    ["connection", "te", "transfer-encoding", "upgrade", "keep-alive", "trailer", "proxy-authorization"].every(
      isHopByHop,
    ),
  ).toBe(true);
  expect(["content-type", "content-encoding", "authorization", "content-length"].some(isHopByHop)).toBe(false);
});
