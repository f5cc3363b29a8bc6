/** Where two readings of HTTP meet: what the HTTP client lets through, Bun's Response must take, or an answer would be lost. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import { readResponseHead } from "../../src/upstream/response-head.ts";

const byte = fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code));
const name = fc.oneof(
  fc.constantFrom("__proto__", "constructor", "'", "set-cookie", "date", "0"),
  fc.array(byte, { minLength: 1, maxLength: 6 }).map((each) => each.join("")),
);
const value = fc.array(fc.oneof(byte, fc.constantFrom(" ", "\t", "a")), { maxLength: 8 }).map((each) => each.join(""));

test("every head that is accepted makes a Response", () => {
  let accepted = 0;
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 999 }),
      fc.array(fc.tuple(name, value), { maxLength: 3 }),
      (status, fields) => {
        const result = readResponseHead(
          [`HTTP/1.1 ${status} X`, ...fields.map(([left, right]) => `${left}:${right}`)].join("\r\n"),
        );
        if (!result.ok || result.head.status < 200) return;
        accepted++;
        const { headers } = new Response(null, { status: result.head.status, headers: result.head.headers });
        for (const [each] of result.head.headers) expect(headers.has(each)).toBe(true);
      },
    ),
    { seed: 13, numRuns: 3000 },
  );
  expect(accepted).toBeGreaterThan(200);
});
