import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { chainOfTokenIds, EMPTY_CHAIN, extendChain } from "../../src/mock-engine/tokens.ts";
import { naturalLength, outputKey, textBetween } from "../../src/mock-engine/output.ts";

const chainOf = (text: string) => extendChain(EMPTY_CHAIN, text);

test("four ASCII characters are a token, any other character is 0.8, and nothing is trimmed", () => {
  expect(chainOf("").tokens).toBe(0);
  expect(chainOf("abcd").tokens).toBe(1);
  expect(chainOf("abcde").tokens).toBe(2);
  expect(chainOf("  abcd  ").tokens).toBe(2);
  expect(chainOf("路由器路由器路由器路").tokens).toBe(8);
  expect(chainOf("😀".repeat(10)).tokens).toBe(8);
});

test("a key stands for each full block of 64 tokens", () => {
  expect(chainOf("a".repeat(255)).keys).toHaveLength(0);
  expect(chainOf("a".repeat(256)).keys).toHaveLength(1);
  expect(chainOf("a".repeat(1000)).keys).toHaveLength(3);
  expect(chainOfTokenIds(Array.from({ length: 130 }, (_, i) => i)).keys).toHaveLength(2);
});

test("equal beginnings have equal keys, and a change spoils its own block and all after it", () => {
  const base = chainOf("x".repeat(1024)).keys;
  const changed = chainOf(`${"x".repeat(600)}y${"x".repeat(423)}`).keys;
  expect(changed.slice(0, 2)).toEqual(base.slice(0, 2));
  expect(changed[2]).not.toBe(base[2] ?? 0);
  expect(changed[3]).not.toBe(base[3] ?? 0);
});

test("a text hashed in pieces has the keys of the whole", () => {
  const text = fc
    .array(fc.constantFrom("plain words ", "路由器", "é", "😀", "\n"), { maxLength: 300 })
    .map((parts) => parts.join(""));
  fc.assert(
    fc.property(text, text, (head, tail) => {
      const whole = chainOf(head + tail);
      const pieces = extendChain(chainOf(head), tail);
      expect(pieces.keys).toEqual([...whole.keys]);
      expect(pieces.tokens).toBe(whole.tokens);
    }),
    { seed: 3, numRuns: 200 },
  );
});

test("generated text counts as many tokens as were generated, and follows from seed, prompt and choice", () => {
  const key = outputKey(1, "prompt", 0);
  expect(chainOf(textBetween(key, 0, 77)).tokens).toBe(77);
  expect(textBetween(key, 0, 10) + textBetween(key, 10, 20)).toBe(textBetween(key, 0, 20));
  expect(outputKey(1, "prompt", 0)).toBe(key);
  for (const other of [outputKey(2, "prompt", 0), outputKey(1, "prompt!", 0), outputKey(1, "prompt", 1)]) {
    expect(textBetween(other, 0, 20)).not.toBe(textBetween(key, 0, 20));
  }
});

test("natural lengths have about the mean that was asked for", () => {
  let sum = 0;
  for (let i = 0; i < 4000; i++) sum += naturalLength(outputKey(i, "", 0), 100);
  expect(sum / 4000).toBeGreaterThan(90);
  expect(sum / 4000).toBeLessThan(110);
});
