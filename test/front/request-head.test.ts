import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { RouterError } from "../../src/errors.ts";
import { readRequestHead, RequestHeadReader, type RequestHead } from "../../src/front/raw/request-head.ts";

const LINE = "POST /v1/chat/completions HTTP/1.1\r\nHost: r";

function codeOf(text: string): string {
  try {
    readRequestHead(text);
    return "taken";
  } catch (error) {
    return error instanceof RouterError ? error.code : String(error);
  }
}

describe("a head", () => {
  test("keeps its fields in order, spelling and repetition, without the blanks around values", () => {
    const { headers, lowerNames } = readRequestHead(`${LINE}\r\nX-A:  1 \r\nx-a:\t2\r\nX-Empty:`);
    expect(headers).toEqual([
      ["Host", "r"],
      ["X-A", "1"],
      ["x-a", "2"],
      ["X-Empty", ""],
    ]);
    expect(lowerNames).toEqual(["host", "x-a", "x-a", "x-empty"]);
  });

  test.each([
    ["/a/b?c=/../d", "/a/b", "c=/../d"],
    ["/a/../b/./c", "/b/c", ""],
    ["/x/%2e%2E/v1/%63hat", "/v1/%63hat", ""],
    ["http://R/v1?x", "/v1", "x"],
    ["http://r", "/", ""],
    ["http://r?x", "/", "x"],
    ["//v1", "//v1", ""],
  ])("the target %s is the path %s and the query %s", (target, path, query) => {
    expect(readRequestHead(`GET ${target} HTTP/1.1\r\nHost: r`)).toMatchObject({ path, query });
  });

  test.each([
    ["", { kind: "length", bytes: 0 }],
    ["\r\nContent-Length: 12", { kind: "length", bytes: 12 }],
    ["\r\nContent-Length: 0012", { kind: "length", bytes: 12 }],
    ["\r\nContent-Length: 12\r\ncontent-length: 12", { kind: "length", bytes: 12 }],
    ["\r\nTransfer-Encoding: Chunked", { kind: "chunked" }],
    ["\r\nTransfer-Encoding: ,\tchunked ,", { kind: "chunked" }],
  ])("framed by %j", (fields, framing) => {
    expect(readRequestHead(LINE + fields).framing).toEqual(framing as RequestHead["framing"]);
  });

  test.each([
    ["1.1", "", true],
    ["1.1", "\r\nConnection: Close", false],
    ["1.1", "\r\nConnection: x, close", false],
    ["1.0", "", false],
    ["1.0", "\r\nConnection: keep-alive", true],
    ["1.0", "\r\nConnection: keep-alive, close", false],
  ])("HTTP/%s with %j keeps the connection: %p", (version, fields, keepAlive) => {
    expect(readRequestHead(`GET / HTTP/${version}\r\nHost: r${fields}`).keepAlive).toBe(keepAlive);
  });
});

describe("refused", () => {
  test.each([
    ["no Host", "GET / HTTP/1.1"],
    ["two Hosts", `${LINE}\r\nHost: r`],
    ["a name with a blank", `${LINE}\r\nX : 1`],
    ["no name", `${LINE}\r\n: 1`],
    ["a folded line", `${LINE}\r\nX: 1\r\n 2`],
    ["a bare CR", `${LINE}\r\nX: 1\r2`],
    ["a bare LF", `${LINE}\r\nX: 1\n2`],
    ["a version of another major", "GET / HTTP/2.0\r\nHost: r"],
    ["both framings", `${LINE}\r\nContent-Length: 1\r\nTransfer-Encoding: chunked`],
    ["two lengths", `${LINE}\r\nContent-Length: 1\r\nContent-Length: 2`],
    ["chunked twice", `${LINE}\r\nTransfer-Encoding: chunked, chunked`],
    ["a coding that is not known", `${LINE}\r\nTransfer-Encoding: gzip`],
    ["no coding at all", `${LINE}\r\nTransfer-Encoding: ,`],
    ["chunked on HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked"],
    ["a target on another host", "GET http://other/ HTTP/1.1\r\nHost: r"],
    ["a target of another scheme", "GET ftp://x/ HTTP/1.1\r\nHost: r"],
  ])("%s", (_, text) => {
    expect(codeOf(text)).toBe("invalid_request");
  });

  test("201 fields; 200 are taken", () => {
    const fields = (count: number): string => Array.from({ length: count }, (_, i) => `\r\nX${i}: 1`).join("");
    expect(codeOf(LINE + fields(199))).toBe("taken");
    expect(codeOf(LINE + fields(200))).toBe("headers_too_large");
  });

  test("whatever is sent, the answer is a head or a RouterError", () => {
    const piece = fc.constantFrom(
      "POST / HTTP/1.1",
      "\r\n",
      "\r",
      "\n",
      ":",
      " ",
      "\t",
      "Host: r",
      "Content-Length: 1",
      "Transfer-Encoding:",
      "chunked",
      "é",
      "\0",
      ",",
      "a",
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
        expect(["taken", "invalid_request", "headers_too_large"]).toContain(codeOf(pieces.join("")));
      }),
    );
  });
});

describe("the reader of a connection", () => {
  test("reads every head as if it were the first", () => {
    const length = fc.oneof(
      fc.nat(1_000_000).map(String),
      fc.constantFrom("007", "", "-1", "1 ", "1,1", "9".repeat(16)),
    );
    const head = fc
      .tuple(
        fc.constantFrom("", "\r\nX: 1", "\r\nConnection: close"),
        length,
        fc.constantFrom("", "\r\nY: 2", "\r\nContent-Length: 5"),
      )
      .map(([before, digits, after]) => `${LINE}${before}\r\nContent-Length: ${digits}${after}`);
    fc.assert(
      fc.property(fc.array(head, { minLength: 2, maxLength: 12 }), (heads) => {
        const reader = new RequestHeadReader();
        for (const text of heads)
          expect(outcome(() => reader.read(text))).toEqual(outcome(() => readRequestHead(text)));
      }),
    );
  });

  test("a body length hidden in another field is not taken for the length", () => {
    const reader = new RequestHeadReader();
    const text = (digits: string): string => `${LINE}\r\nX-Content-Length: ${digits}\r\nContent-Length: 3`;
    reader.read(text("1"));
    expect(reader.read(text("2"))).toEqual(readRequestHead(text("2")));
  });
});

function outcome(read: () => RequestHead): unknown {
  try {
    return read();
  } catch (error) {
    return error instanceof RouterError ? error.code : error;
  }
}
