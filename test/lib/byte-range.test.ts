import { expect, test } from "bun:test";
import fc from "fast-check";
import { lastIndexIn, rangeBuffer } from "../../src/lib/byte-range.ts";

const bytes = fc.uint8Array({ min: 97, max: 99, maxLength: 30 }).map((each) => Buffer.from(each));
const range = fc
  .tuple(bytes, fc.nat(30), fc.nat(30))
  .map(([all, a, b]) => [all, Math.min(a, b, all.length), Math.min(Math.max(a, b), all.length)] as const)
  .map(([all, start, end]) => ({ bytes: all, start, end }));

test("a needle is found in the range exactly where it is found in a copy of the range", () => {
  fc.assert(
    fc.property(
      range,
      fc.string({ unit: fc.constantFrom("a", "b", "c"), minLength: 1, maxLength: 4 }),
      (part, text) => {
        const found = part.bytes.toString("latin1", part.start, part.end).lastIndexOf(text);
        expect(lastIndexIn(part, Buffer.from(text))).toBe(found < 0 ? -1 : part.start + found);
      },
    ),
  );
});

test.each([0, 10, 8192, 8193, 100_000])("a range of %i bytes becomes a buffer of the same bytes", (length) => {
  const all = Buffer.from(Array.from({ length: length + 7 }, (_, at) => at % 251));
  expect(rangeBuffer({ bytes: all, start: 3, end: 3 + length }).equals(all.subarray(3, 3 + length))).toBe(true);
  expect(rangeBuffer({ bytes: all, start: 0, end: all.length })).toBe(all);
});
