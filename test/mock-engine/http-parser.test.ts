import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { HttpParser } from "../../src/mock-engine/http-parser.ts";

const POST =
  "POST /v1/chat/completions?x=1 HTTP/1.1\r\nHost: a\r\nAuthorization:  Bearer k \r\nContent-Length: 5\r\n\r\nhello";
const CHUNKED = "POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n";
const GET = "GET /health HTTP/1.0\r\n\r\n";

test("a request has its parts", () => {
  const parser = new HttpParser();
  parser.push(Buffer.from(POST));
  const result = parser.next();
  if (result.kind !== "request") throw new Error(`wanted a request, got ${result.kind}`);
  const { request } = result;
  const { method, path, query, body, keepAlive } = request;
  expect({ method, path, query, keepAlive }).toEqual({
    method: "POST",
    path: "/v1/chat/completions",
    query: "x=1",
    keepAlive: true,
  });
  expect(request.header("authorization")).toBe("Bearer k");
  expect(request.header("nothing")).toBeNull();
  expect(body.toString()).toBe("hello");
});

test("requests come out the same however the bytes are cut", () => {
  const bytes = Buffer.from(POST + CHUNKED + GET);
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: bytes.length }), { maxLength: 12 }), (cuts) => {
      const parser = new HttpParser();
      const seen: string[] = [];
      let start = 0;
      for (const end of [...cuts.toSorted((a, b) => a - b), bytes.length]) {
        if (end > start) parser.push(bytes.subarray(start, end));
        start = end;
        for (let result = parser.next(); result.kind === "request"; result = parser.next()) {
          seen.push(`${result.request.path} ${result.request.body.toString()} ${result.request.keepAlive}`);
        }
      }
      expect(seen).toEqual(["/v1/chat/completions hello true", "/c abcde true", "/health  false"]);
    }),
    { seed: 5, numRuns: 200 },
  );
});

test("a client that expects to be asked for its body is asked once", () => {
  const parser = new HttpParser();
  parser.push(Buffer.from("POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n"));
  expect(parser.next()).toEqual({ kind: "more", continue: true });
  parser.push(Buffer.from("ab"));
  expect(parser.next()).toEqual({ kind: "more", continue: false });
  parser.push(Buffer.from("cd"));
  expect(parser.next().kind).toBe("request");
});

test("what is not HTTP is bad", () => {
  const parser = new HttpParser();
  parser.push(Buffer.from("hello there\r\n\r\n"));
  expect(parser.next().kind).toBe("bad");
});
