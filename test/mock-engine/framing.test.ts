import { expect, test } from "bun:test";
import { streamFraming, wholeAnswer } from "../../src/mock-engine/framing.ts";

const CHAT = { api: "chat", id: "chatcmpl-1", model: "M", created: 1767000000 } as const;
const TEXT = { api: "completions", id: "cmpl-1", model: "M", created: 1767000000 } as const;
const USAGE = { promptTokens: 22, completionTokens: 3, cachedTokens: 64 };
const START = `data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1767000000,"model":"M","choices":[`;

test("a chat stream opens with the role chunk and its blank before the newline", () => {
  expect(streamFraming(CHAT).opening(0)).toBe(
    `${START}{"index":0,"delta":{"role":"assistant","reasoning_content":"","tool_calls":null,"prompt_token_ids":null,"completion_token_ids":null,"content":""}}]} \n\n`,
  );
});

test("a chat content chunk is the real one to the byte", () => {
  const framing = streamFraming(CHAT);
  expect(framing.content(0, "Hel", { finish: "null", arrivalSecs: 1767000000.4211, usage: "" })).toBe(
    `${START}{"index":0,"delta":{"content":"Hel","reasoning_content":"","prompt_token_ids":null,"completion_token_ids":null,"tool_calls":null},"logprobs":null,"finish_reason":null,"arrival_time":1767000000.4211}]}\n\n`,
  );
  expect(framing.content(0, "lo!", { finish: `"stop"`, arrivalSecs: 0.0334, usage: "" })).toEndWith(
    `"finish_reason":"stop","arrival_time":0.0334}]}\n\n`,
  );
});

test("usage comes in a chunk without choices, or on every chunk when asked for", () => {
  const framing = streamFraming(CHAT);
  expect(framing.usage(USAGE)).toBe(
    `${START}],"usage":{"prompt_tokens":22,"total_tokens":25,"completion_tokens":3,"prompt_tokens_details":{"cached_tokens":64},"completion_tokens_details":{"reasoning_tokens":0}}}\n\n`,
  );
  const chunk = framing.content(0, "a", { finish: "null", arrivalSecs: 1, usage: `{"prompt_tokens":1}` });
  expect(chunk).toEndWith(`"arrival_time":1}],"usage":{"prompt_tokens":1}}\n\n`);
});

test("a completions chunk begins with index, text and arrival time, and there is no role chunk", () => {
  const framing = streamFraming(TEXT);
  expect(framing.opening(0)).toBe("");
  expect(framing.content(1, "Hel", { finish: `"length"`, arrivalSecs: 0.02, usage: "" })).toStartWith(
    `data: {"id":"cmpl-1","object":"text_completion","created":1767000000,"model":"M","choices":[{"index":1,"text":"Hel","arrival_time":0.02,"logprobs":null,`,
  );
});

test("a whole chat answer has all fields, nulls included", () => {
  const answer = wholeAnswer(CHAT, [{ index: 0, textJson: `"Hello!"`, finish: `"stop"`, tokenIds: "null" }], {
    ...USAGE,
    cachedTokens: 0,
  });
  expect(answer).toBe(
    `{"id":"chatcmpl-1","object":"chat.completion","created":1767000000,"model":"M","choices":[{"index":0,"message":{"role":"assistant","content":"Hello!","multimodal_content":null,"reasoning_content":"","audio_content":null,"tool_calls":null,"prompt_token_ids":null,"completion_token_ids":null,"prompt_tokens":null,"completion_tokens":null},"logprobs":null,"draft_logprobs":null,"prompt_logprobs":null,"finish_reason":"stop","speculate_metrics":null}],"usage":{"prompt_tokens":22,"total_tokens":25,"completion_tokens":3,"prompt_tokens_details":{"cached_tokens":0,"image_tokens":0,"video_tokens":0},"completion_tokens_details":{"reasoning_tokens":0,"image_tokens":0}}}`,
  );
});

test("a whole completions answer has all fields, nulls included", () => {
  expect(wholeAnswer(TEXT, [{ index: 0, textJson: `"a"`, finish: `"stop"`, tokenIds: "null" }], USAGE)).toContain(
    `"choices":[{"index":0,"text":"a","prompt_token_ids":null,"completion_token_ids":null,"prompt_tokens":null,"completion_tokens":null,"arrival_time":null,"logprobs":null,"draft_logprobs":null,"prompt_logprobs":null,"reasoning_content":null,"finish_reason":"stop","tool_calls":null,"speculate_metrics":null}]`,
  );
});

test("every frame is JSON", () => {
  for (const head of [CHAT, TEXT]) {
    const framing = streamFraming({ ...head, model: `quo"ted 模型` });
    expect(framing.ascii).toBe(false);
    for (const frame of [
      framing.opening(0),
      framing.content(0, "x", { finish: "null", arrivalSecs: 1, usage: "{}" }),
      framing.usage(USAGE),
    ]) {
      if (frame !== "") expect(() => JSON.parse(frame.slice("data: ".length))).not.toThrow();
    }
  }
});
