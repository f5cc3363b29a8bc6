import { describe, expect, test } from "bun:test";
import { RouterError } from "../../src/errors.ts";
import { PromptReader } from "../../src/proxy/prompt-reader.ts";
import type { TokenizeResult } from "../../src/proxy/tokenizer.ts";

const CHAT = { kind: "chat", lines: null } as const;

function readerOf(
  answer: ((text: string) => TokenizeResult) | null = null,
  seed = 7,
): { reader: PromptReader; warnings: string[] } {
  const warnings: string[] = [];
  const tokenizer = answer === null ? null : { tokenize: async (text: string) => answer(text) };
  const reader = new PromptReader({ blockSize: 4, seed, tokenizer, warn: (message) => warnings.push(message) });
  return { reader, warnings };
}

function chat(content: string): Buffer {
  return Buffer.from(JSON.stringify({ messages: [{ role: "user", content }] }));
}

describe("a prompt that is read", () => {
  test("counts two tokens for each code point, and has a hash for each full block", async () => {
    const { reader } = readerOf();
    expect(await reader.read(chat("你好"), { ...CHAT, use: "tokens" })).toEqual({ countedTokens: 4 });
    const facts = await reader.read(chat("abcdefghij"), { ...CHAT, use: "prefixes" });
    expect(facts.countedTokens).toBe(20);
    expect(facts.prefixHashes).toHaveLength(2);
  });

  test("has the same hashes in every thread of one seed, and others with another seed", async () => {
    const hashes = await Promise.all(
      [7, 7, 8].map(
        async (seed) =>
          (await readerOf(null, seed).reader.read(chat("abcd"), { ...CHAT, use: "prefixes" })).prefixHashes,
      ),
    );
    expect(hashes[1]).toEqual(hashes[0]);
    expect(hashes[2]).not.toEqual(hashes[0]);
  });

  test("has no hashes when it is empty, and the empty list when it is shorter than a block", async () => {
    const { reader } = readerOf();
    expect(await reader.read(chat(" "), { ...CHAT, use: "prefixes" })).toEqual({ countedTokens: 0 });
    expect(await reader.read(chat("abc"), { ...CHAT, use: "prefixes" })).toEqual({
      countedTokens: 6,
      prefixHashes: [],
    });
  });

  test("goes by the tokenizer's tokens for its prefixes, and never for its length", async () => {
    const { reader } = readerOf(() => ({ ok: true, tokens: [1, 2, 3, 4, 5, 6, 7, 8, 9] }));
    const facts = await reader.read(chat("ab"), { ...CHAT, use: "prefixes" });
    expect(facts.countedTokens).toBe(4);
    expect(facts.prefixHashes).toHaveLength(2);
  });

  test("goes by code points when the tokenizer fails, and warns", async () => {
    const plain = await readerOf().reader.read(chat("abcdefgh"), { ...CHAT, use: "prefixes" });
    const { reader, warnings } = readerOf(() => ({ ok: false, problem: "tokenizer response status 500: oops" }));
    expect(await reader.read(chat("abcdefgh"), { ...CHAT, use: "prefixes" })).toEqual(plain);
    expect(warnings).toEqual([
      "cache-aware prefill: tokenizer failed, fallback to char tokens: tokenizer response status 500: oops",
    ]);
  });

  test("has a bounded number of hashes, and none when its body is too long to be parsed", async () => {
    const { reader } = readerOf();
    const { prefixHashes } = await reader.read(chat("x".repeat(100_000)), { ...CHAT, use: "prefixes" });
    expect(prefixHashes).toHaveLength(4096);
    expect(await reader.read(chat("x".repeat(9_000_000)), { ...CHAT, use: "prefixes" })).toEqual({});
  });

  test("is refused where the body is no JSON, however deep inside", async () => {
    const broken = Buffer.from(`{"messages":[{"content":"${"x".repeat(10_000)}"},,]}`);
    const error = await readerOf()
      .reader.read(broken, { ...CHAT, use: "tokens" })
      .catch((problem: unknown) => problem);
    expect(error).toBeInstanceOf(RouterError);
    expect(error).toHaveProperty("code", "invalid_json");
  });
});
