import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { ChunkedDecoder } from "../../src/upstream/chunked-decoder.ts";

interface Decoded {
  readonly payload: string;
  readonly done: boolean;
  /** Bytes after the last chunk. */
  readonly surplus: number;
  readonly broken: boolean;
}

function decode(parts: readonly Buffer[]): Decoded {
  const decoder = new ChunkedDecoder();
  const payload: Buffer[] = [];
  let surplus = 0;
  for (const part of parts) {
    if (decoder.done) {
      surplus += part.length;
      continue;
    }
    const used = decoder.decode(part, 0, (bytes, start, end) => payload.push(Buffer.from(bytes.subarray(start, end))));
    if (used < 0) return { payload: Buffer.concat(payload).toString("latin1"), done: false, surplus, broken: true };
    surplus += part.length - used;
  }
  return { payload: Buffer.concat(payload).toString("latin1"), done: decoder.done, surplus, broken: false };
}

function split(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const at = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].toSorted((a, b) => a - b);
  return [...at, bytes.length].map((end, i) => bytes.subarray(i === 0 ? 0 : at[i - 1], end));
}

const payloads = fc.array(fc.string({ unit: "binary-ascii", minLength: 1, maxLength: 40 }), { maxLength: 8 });
const encode = (chunks: readonly string[], tail = "0\r\n\r\n"): Buffer =>
  Buffer.from(chunks.map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`).join("") + tail, "latin1");

test("what was encoded is decoded, for every split", () => {
  fc.assert(
    fc.property(payloads, fc.array(fc.nat()), fc.string({ maxLength: 20 }), (chunks, cuts, after) => {
      const bytes = Buffer.concat([encode(chunks), Buffer.from(after)]);
      const expected = { payload: chunks.join(""), done: true, surplus: Buffer.byteLength(after), broken: false };
      expect(decode(split(bytes, cuts))).toEqual(expected);
    }),
    { seed: 1 },
  );
});

test("byte by byte gives the same as at once, also for damaged input", () => {
  fc.assert(
    fc.property(payloads, fc.nat(), fc.nat(255), (chunks, at, byte) => {
      const bytes = encode(chunks, "0\r\nX: 1\r\n\r\n");
      bytes[at % bytes.length] = byte;
      const whole = decode([bytes]);
      const pieces = decode([...bytes].map((each) => Buffer.from([each])));
      expect(pieces).toEqual(whole);
    }),
    { seed: 2, numRuns: 500 },
  );
});

describe("accepted", () => {
  test.each([
    ["upper-case digits", "A\r\n0123456789\r\n0\r\n\r\n", "0123456789"],
    ["leading zeros", "0002\r\nab\r\n000\r\n\r\n", "ab"],
    ["an extension", '2;a="b;c"\r\nab\r\n0;x\r\n\r\n', "ab"],
    ["trailers", "0\r\nA: 1\r\nB: 2\r\n\r\n", ""],
  ])("%s", (_, text, payload) => {
    expect(decode([Buffer.from(text)])).toEqual({ payload, done: true, surplus: 0, broken: false });
  });
});

describe("refused", () => {
  test.each(
    [
      "\r\n",
      "g\r\n",
      "0x2\r\n",
      "+2\r\n",
      "-2\r\n",
      " 2\r\n",
      "2 \r\n",
      "2\n",
      "2\r\r",
      "1_0\r\n",
      ";x\r\n",
      "2\r\nabc\r\n",
      "2\r\nab\n",
      "2\r\nab\rx",
      "2;a\nb\r\n",
      "0\r\n\n",
      "0\r\nA: 1\n",
      "0\r\nA: 1\rx",
      "1000000000000000000\r\n",
      "ffffffffffffffff\r\n",
      "00000000000000001\r\n",
      `2;${"x".repeat(17_000)}`,
      `0\r\n${"A: 1\r\n".repeat(4000)}`,
    ].map((text) => [text]),
  )("%j", (text) => {
    expect(decode([Buffer.from(text)]).broken).toBe(true);
  });
});

test("it can be used again after a reset, whatever state it was in", () => {
  const decoder = new ChunkedDecoder();
  for (const text of ["2\r\na", "5;x", "0\r\nA: 1", "2\r\nab\r", "0\r\n\r\n"]) {
    decoder.decode(Buffer.from(text), 0, () => undefined);
    decoder.reset();
    let payload = "";
    decoder.decode(encode(["fresh"]), 0, (bytes, start, end) => (payload += bytes.toString("utf8", start, end)));
    expect([payload, decoder.done]).toEqual(["fresh", true]);
    decoder.reset();
  }
});
