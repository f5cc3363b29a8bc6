import { expect, test } from "bun:test";
import fc from "fast-check";
import { LineBuffer } from "../../src/worker/line-buffer.ts";

test("what was added is taken once, whatever the characters and lengths", () => {
  const line = fc.string({ unit: fc.constantFrom("a", "é", "你", "😀"), maxLength: 400 }).map((text) => `${text}\n`);
  fc.assert(
    fc.property(fc.array(fc.array(line, { maxLength: 40 }), { maxLength: 4 }), (takes) => {
      const buffer = new LineBuffer();
      for (const lines of takes) {
        for (const each of lines) buffer.add(each);
        expect(buffer.take()).toBe(lines.join(""));
      }
      expect([buffer.take(), buffer.dropped]).toEqual(["", 0]);
    }),
    { numRuns: 50 },
  );
});

test("lines beyond a megabyte are dropped and counted, until the next take", () => {
  const buffer = new LineBuffer();
  const line = `${"x".repeat(999)}\n`;
  for (let i = 0; i < 2000; i++) buffer.add(line);
  const kept = buffer.take().length / line.length;
  expect(kept).toBeGreaterThan(1040);
  expect(kept).toBeLessThan(1060);
  expect(buffer.dropped).toBe(2000 - kept);
  buffer.add(line);
  expect(buffer.take()).toBe(line);
});
