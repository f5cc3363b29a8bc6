import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { sumSamples } from "../../src/lib/prometheus-text.ts";

test("values are read as Prometheus writes them, whatever labels, exponent and timestamp stand beside", () => {
  const page = `# HELP a:b help a:b 9
# TYPE a:b gauge
a:b 7.0
x{m="b} 3",n="a\\"{"} 1.5e+2 1700000000
x{m="c"} 2\r
y_total\t 3
z NaN
z +Inf
  indented 1
9bad 1
nothing
`;
  expect(Object.fromEntries(sumSamples(page))).toEqual({ "a:b": 7, x: 152, y_total: 3 });
});

test("no text upsets it", () => {
  const part = fc.constantFrom("a", "{", "}", '"', "\\", "=", " ", "\n", "1", "#");
  fc.assert(
    fc.property(fc.string({ unit: part, maxLength: 200 }), (text) => {
      for (const value of sumSamples(text).values()) expect(Number.isFinite(value)).toBe(true);
    }),
    { numRuns: 500, seed: 1 },
  );
});

test("a long broken line costs no more than its length", () => {
  const started = performance.now();
  sumSamples(`a{${'x="'.repeat(200_000)}`);
  expect(performance.now() - started).toBeLessThan(500);
});
