import { expect, test } from "bun:test";
import fc from "fast-check";
import { LineBuffer } from "../../src/log/line-buffer.ts";

function setUp(): { buffer: LineBuffer; parts: Buffer[]; text: () => string } {
  const parts: Buffer[] = [];
  // As a transfer to another thread does: what was handed on is nobody's here any more.
  const buffer = new LineBuffer((lines) =>
    parts.push(Buffer.from(structuredClone(lines, { transfer: [lines.buffer] }))),
  );
  return { buffer, parts, text: () => Buffer.concat(parts).toString() };
}

test("what was added is handed on once and in order, whatever the characters and lengths", () => {
  const line = fc
    .tuple(fc.string({ unit: fc.constantFrom("a", "é", "你", "😀"), maxLength: 400 }), fc.constantFrom(1, 1, 1, 200))
    .map(([text, times]) => `${text.repeat(times)}\n`);
  fc.assert(
    fc.property(fc.array(fc.array(line, { maxLength: 40 }), { maxLength: 4 }), (flushes) => {
      const { buffer, text } = setUp();
      for (const lines of flushes) {
        for (const each of lines) buffer.add(each);
        buffer.flush();
      }
      buffer.flush();
      expect(text()).toBe(flushes.flat().join("").slice(0, text().length));
      const handedOn = text().split("\n").length - 1;
      expect(handedOn + buffer.dropped).toBe(flushes.flat().length);
    }),
    { numRuns: 100 },
  );
});

test("a line that is written in pieces is the same as one that is added whole, also across parts", () => {
  const pieces = fc.array(fc.string({ unit: fc.constantFrom("a", "é", "你", "😀"), maxLength: 90 }), { maxLength: 12 });
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 400 }), (lines) => {
      const { buffer, parts, text } = setUp();
      for (const line of lines) {
        for (const piece of line) buffer.text(piece);
        buffer.end();
      }
      buffer.flush();
      expect(text()).toBe(lines.map((line) => `${line.join("")}\n`).join(""));
      for (const part of parts) expect(part.at(-1)).toBe(10);
    }),
    { numRuns: 100 },
  );
});

test("control characters in a piece are escaped, wherever they stand", () => {
  const { buffer, text } = setUp();
  for (const length of [0, 10, 100]) buffer.text(`${"x".repeat(length)}\n\u007f\u2028é`).end();
  buffer.flush();
  expect(text().split("\n")).toEqual([
    ...[0, 10, 100].map((length) => `${"x".repeat(length)}\\u000a\\u007f\\u2028é`),
    "",
  ]);
});

test("a line that is longer than a part is kept whole", () => {
  const { buffer, text } = setUp();
  const long = "é".repeat(50_000);
  buffer.text("short").end();
  buffer.text(long).text(long).end();
  buffer.text("last").end();
  buffer.flush();
  expect(text()).toBe(`short\n${long}${long}\nlast\n`);
});

test("a line that is added stands after those that were written before it", () => {
  const { buffer, text } = setUp();
  buffer.text("first").end();
  buffer.add("second\n");
  buffer.text("third").end();
  buffer.flush();
  expect(text()).toBe("first\nsecond\nthird\n");
});

test("a part is handed on when it is full, without waiting for a flush", () => {
  const { buffer, parts, text } = setUp();
  const line = `${"x".repeat(199)}\n`;
  for (let i = 0; i < 4000; i++) buffer.add(line);
  expect(parts.length).toBe(3);
  for (const part of parts) expect(part.length).toBeGreaterThan(240 * 1024);
  buffer.flush();
  expect(text()).toBe(line.repeat(4000));
});

test("lines beyond two megabytes are dropped and counted, until the next flush", () => {
  const { buffer, text } = setUp();
  const line = `${"x".repeat(999)}\n`;
  for (let i = 0; i < 4000; i++) buffer.add(line);
  buffer.flush();
  const kept = text().length / line.length;
  expect(kept).toBeGreaterThan(2090);
  expect(kept).toBeLessThan(2400);
  expect(buffer.dropped).toBe(4000 - kept);
  buffer.add(line);
  buffer.flush();
  expect(text().length / line.length).toBe(kept + 1);
});
