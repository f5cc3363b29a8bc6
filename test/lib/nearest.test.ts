import { expect, test } from "bun:test";
import fc from "fast-check";
import { editDistance, nearest, suggest } from "../../src/lib/nearest.ts";

const KEYS = ["port", "host", "health-check-endpoint", "power_of_two"];

test.each([
  ["prot", "port"],
  ["hots", "host"],
  ["health_check_endpoint", "health-check-endpoint"],
  ["health-check-endpiont", "health-check-endpoint"],
  ["Power_Of_Tow", "power_of_two"],
  ["PORT", "port"],
])("%s is taken for %s", (wrong, right) => {
  expect(nearest(wrong, KEYS)).toBe(right);
});

test.each(["", "x", "zzzz", "timeout", "po"])("nothing is near %p", (wrong) => {
  expect(nearest(wrong, KEYS)).toBeNull();
});

test("a suggestion is a clause to put after a complaint, or nothing", () => {
  expect(suggest("prot", KEYS)).toBe('; did you mean "port"?');
  expect(suggest("zzzz", KEYS)).toBe("");
});

test("a swap of neighbours costs as much as one wrong letter", () => {
  expect(editDistance("prot", "port")).toBe(1);
  expect(editDistance("port", "pert")).toBe(1);
  expect(editDistance("abc", "")).toBe(3);
});

test("distance is 0 only between equals, the same both ways, and at most the longer length", () => {
  const word = fc.string({ maxLength: 12 });
  fc.assert(
    fc.property(word, word, (a, b) => {
      const distance = editDistance(a, b);
      expect(distance === 0).toBe(a === b);
      expect(editDistance(b, a)).toBe(distance);
      expect(distance).toBeLessThanOrEqual(Math.max(a.length, b.length));
    }),
    { seed: 1 },
  );
});
