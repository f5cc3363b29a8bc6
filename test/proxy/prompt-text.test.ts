import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { codePointCount, promptText } from "../../src/proxy/prompt-text.ts";

function chat(...contents: readonly unknown[]): unknown {
  return { messages: contents.map((content) => ({ role: "user", content })) };
}

describe("the prompt of a chat", () => {
  test("is the texts of its messages, trimmed and joined by one space", () => {
    expect(promptText(chat("hello", " hi\n", "how are you"), "chat")).toBe("hello hi how are you");
  });

  test("has the text items of lists, and nothing else of them", () => {
    const items = [
      { type: "text", text: "look at " },
      { type: "image_url", image_url: { url: "data:" }, text: "no" },
      { type: "text", text: 7 },
      "bare",
      { type: "text", text: "this" },
    ];
    expect(promptText(chat(items, "please"), "chat")).toBe("look at this please");
  });

  test("is empty where the shape holds none", () => {
    for (const body of [null, 7, [], {}, { messages: "x" }, { messages: [null, 1, { content: {} }] }, { prompt: "x" }])
      expect(promptText(body, "chat")).toBe("");
  });

  test("is trimmed of Unicode white space as Go sees it: U+0085 is, U+FEFF is not", () => {
    expect(promptText(chat("\u3000\u0085\u00a0x\u2028\u205f", "\u0085 "), "chat")).toBe("x");
    expect(promptText(chat("\ufeffx"), "chat")).toBe("\ufeffx");
  });
});

describe("the prompt of a completion", () => {
  test("is a text, or the texts of a list", () => {
    expect(promptText({ prompt: " hello " }, "completions")).toBe("hello");
    expect(promptText({ prompt: ["", "hello", "", "you"] }, "completions")).toBe("hello you");
  });

  test("is empty for lists of token ids", () => {
    expect(promptText({ prompt: [1, 2, 3] }, "completions")).toBe("");
    expect(promptText({ prompt: [[1, 2]] }, "completions")).toBe("");
    expect(promptText(chat("x"), "completions")).toBe("");
  });
});

test("whatever JSON holds, the prompt is a text without outer space", () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.constantFrom("chat", "completions"), (value, kind) => {
      for (const body of [value, { messages: value, prompt: value }, { messages: [{ content: value }] }]) {
        const text = promptText(body, kind);
        expect(text).not.toMatch(/^[ \t\n\r\u3000]|[ \t\n\r\u3000]$/);
      }
    }),
    { numRuns: 500, seed: 1 },
  );
});

test("code points are counted, not UTF-16 units; half a pair alone counts as one", () => {
  expect(["", "hello", "你好", "😀a", "\ud83d", "\ud83d\ud83d\ude00"].map(codePointCount)).toEqual([0, 5, 2, 2, 1, 2]);
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => expect(codePointCount(text)).toBe(Array.from(text).length)),
    { numRuns: 200, seed: 2 },
  );
});

test("long runs of space within a text cost no more than their length", () => {
  const text = `x${" ".repeat(1_000_000)}x`;
  const started = performance.now();
  expect(promptText(chat(text), "chat")).toBe(text);
  expect(performance.now() - started).toBeLessThan(500);
});
