import { expect, test } from "bun:test";
import { requestBody, type PromptRequest } from "../../src/demo/prompt.ts";

function contentOf(request: PromptRequest): string {
  const body: unknown = JSON.parse(requestBody(request, 16).toString());
  if (typeof body !== "object" || body === null || !("messages" in body)) throw new Error("no messages");
  expect(body).toMatchObject({ stream: true, max_tokens: 9, min_tokens: 9, max_streaming_response_tokens: 16 });
  const { messages } = body;
  return Array.isArray(messages) ? String(messages[0].content) : "";
}

const request = (id: number, promptTokens: number, blockIds: readonly number[] | null = null): PromptRequest => ({
  id,
  promptTokens,
  outputTokens: 9,
  blockIds,
});

test("a prompt of N tokens has 4 N ASCII characters, for any N", () => {
  for (const tokens of [1, 2, 5, 6, 7, 511, 512, 513, 5000]) {
    const content = contentOf(request(1, tokens));
    expect(content).toHaveLength(tokens * 4);
    expect(Buffer.byteLength(content)).toBe(tokens * 4);
  }
});

test("prompts without hash ids differ from their first block on", () => {
  expect(contentOf(request(1, 600)).slice(0, 256)).not.toBe(contentOf(request(2, 600)).slice(0, 256));
});

test("equal hash ids make equal text of 512 tokens, and the first different one parts the prompts", () => {
  const one = contentOf(request(1, 1536, [5, 6, 7]));
  const two = contentOf(request(2, 1536, [5, 6, 8]));
  expect(one.slice(0, 4096)).toBe(two.slice(0, 4096));
  expect(one.slice(4096, 4096 + 256)).not.toBe(two.slice(4096, 4096 + 256));
});

test("the largest id keeps its digits apart", () => {
  const largest = Number.MAX_SAFE_INTEGER;
  expect(contentOf(request(1, 512, [largest]))).not.toBe(contentOf(request(1, 512, [largest - 1])));
});
