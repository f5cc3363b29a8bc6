import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { readResponseHead, type ResponseHead } from "../../src/upstream/response-head.ts";
import { ResponseReader } from "../../src/upstream/response-reader.ts";

interface Read {
  readonly statuses: readonly number[];
  readonly body: string;
  readonly end: "more" | "done" | "broken";
  readonly reusable: boolean;
}

function read(parts: readonly Buffer[], closes = false): Read {
  const reader = new ResponseReader();
  const statuses: number[] = [];
  let body = "";
  reader.start({
    onHead: ({ status }) => statuses.push(status),
    onData: (bytes, start, end) => (body += bytes.toString("latin1", start, end)),
  });
  let end: Read["end"] = "more";
  for (const part of parts) {
    if (end !== "more") break;
    end = reader.feed(part).kind;
  }
  if (closes && end === "more") end = reader.close().kind;
  return { statuses, body, end, reusable: end === "done" && reader.reusable };
}

function split(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const at = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))]
    .filter((cut) => cut > 0)
    .toSorted((a, b) => a - b);
  return [...at, bytes.length]
    .map((end, i) => bytes.subarray(i === 0 ? 0 : at[i - 1], end))
    .filter(({ length }) => length > 0);
}

const body = fc.string({ unit: "binary-ascii", maxLength: 60 });
const interim = fc.array(fc.constantFrom("HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 103 Early\r\nLink: a\r\n\r\n"), {
  maxLength: 3,
});
const framed = fc.tuple(interim, body, fc.constantFrom("length", "chunked", "close")).map(([first, text, framing]) => {
  const chunks = text.match(/[^]{1,7}/g) ?? [];
  const coded = chunks.map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`).join("");
  const rest = {
    length: `Content-Length: ${text.length}\r\n\r\n${text}`,
    chunked: `Transfer-Encoding: chunked\r\n\r\n${coded}0\r\n\r\n`,
    close: `X: 1\r\n\r\n${text}`,
  }[framing];
  return { text, framing, bytes: Buffer.from(`${first.join("")}HTTP/1.1 200 OK\r\n${rest}`, "latin1") };
});

test("every split of an answer is read alike, in each framing", () => {
  fc.assert(
    fc.property(framed, fc.array(fc.nat(), { maxLength: 20 }), ({ text, framing, bytes }, cuts) => {
      const expected = { statuses: [200], body: text, end: "done", reusable: framing !== "close" };
      expect(read(split(bytes, cuts), true)).toEqual(expected as Read);
      expect(
        read(
          [...bytes].map((byte) => Buffer.from([byte])),
          true,
        ),
      ).toEqual(expected as Read);
    }),
    { seed: 3 },
  );
});

test("an answer that is cut anywhere is never taken for complete", () => {
  fc.assert(
    fc.property(framed, fc.nat(), ({ framing, bytes }, at) => {
      fc.pre(framing !== "close");
      const cut = bytes.subarray(0, at % bytes.length);
      expect(read([cut], true).end).toBe("broken");
    }),
    { seed: 4 },
  );
});

test("surplus bytes end the use of the connection and are not told", () => {
  fc.assert(
    fc.property(framed, fc.array(fc.nat()), ({ text, framing, bytes }, cuts) => {
      fc.pre(framing !== "close");
      const parts = split(bytes, cuts);
      const last = parts.pop() ?? Buffer.alloc(0);
      const result = read([...parts, Buffer.concat([last, Buffer.from("HTTP/1.1 200 OK\r\n\r\n")])]);
      expect(result).toEqual({ statuses: [200], body: text, end: "done", reusable: false });
    }),
    { seed: 5 },
  );
});

describe("what is given up", () => {
  const ok = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
  test.each([
    ["17 interim answers", "HTTP/1.1 103 X\r\n\r\n".repeat(17) + ok],
    ["101", "HTTP/1.1 101 Switching Protocols\r\n\r\n"],
    ["a head over 64 KB, complete", `HTTP/1.1 200 OK\r\nX: ${"a".repeat(66_000)}\r\n\r\n`],
    ["a head over 64 KB, not complete", `HTTP/1.1 200 OK\r\nX: ${"a".repeat(66_000)}`],
    ["another protocol", "SSH-2.0-x\r\n"],
    ["a malformed chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxx\r\n"],
  ])("%s", (_, text) => {
    expect(read([Buffer.from(text)]).end).toBe("broken");
  });

  test("16 interim answers are still taken", () => {
    expect(read([Buffer.from("HTTP/1.1 103 X\r\n\r\n".repeat(16) + ok)])).toMatchObject({
      end: "done",
      statuses: [200],
    });
  });
});

test("it can be started again, whatever came of the former answer", () => {
  const reader = new ResponseReader();
  for (const text of [
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
    "HTTP/1.1 200 O",
    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nabc",
  ]) {
    reader.start({ onHead: () => undefined, onData: () => undefined });
    expect(reader.sawByte).toBe(false);
    reader.feed(Buffer.from(text));
    expect(reader.sawByte).toBe(true);
  }
  let status = 0;
  reader.start({ onHead: (head) => (status = head.status), onData: () => undefined });
  expect([
    reader.feed(Buffer.from("HTTP/1.1 404 X\r\nContent-Length: 0\r\n\r\n")).kind,
    status,
    reader.reusable,
  ]).toEqual(["done", 404, true]);
});

test("a head like an earlier one is read as if it were the first, whatever its lengths and where they stand", () => {
  const length = fc.constantFrom("0", "5", "7", "007", "", " 5", "5 ", "5, 7", "x", "1234567890123456");
  const field = fc.oneof(
    fc
      .tuple(fc.constantFrom("content-length", "Content-Length", "CONTENT-LENGTH"), fc.constantFrom(": ", ":"), length)
      .map((parts) => parts.join("")),
    fc.constantFrom("transfer-encoding: chunked", "a: content-length", "a: 1", "connection: close"),
  );
  const head = fc
    .tuple(fc.constantFrom(200, 204, 304, 500), fc.array(field, { maxLength: 3 }))
    .map(([status, fields]) => [`HTTP/1.1 ${status} OK`, ...fields].join("\r\n"));
  fc.assert(
    fc.property(fc.array(head, { minLength: 2, maxLength: 30 }), (heads) => {
      for (const text of heads) {
        const seen: ResponseHead[] = [];
        const reader = new ResponseReader();
        reader.start({ onHead: (found) => seen.push(found), onData: () => {} });
        reader.feed(Buffer.from(`${text}\r\n\r\n`));
        const fresh = readResponseHead(text);
        expect(seen).toEqual(fresh.ok ? [fresh.head] : []);
      }
    }),
    {
      numRuns: 200,
      examples: [
        [[5, 7].map((bytes) => `HTTP/1.1 200 OK\r\ncontent-length: ${bytes}\r\ncontent-length: 5`)],
        [["5", "7", "", "x"].map((bytes) => `HTTP/1.1 200 OK\r\nx: 1\r\ncontent-length: ${bytes}`)],
        [["5", "0"].map((bytes) => `HTTP/1.1 204 OK\r\ncontent-length: ${bytes}`)],
      ],
    },
  );
});
