/**
 * The bytes that a mock engine answers a chat request with, computed without one. All but two timestamps follow from the request:
 * `timeless` puts zeros in their place on both sides of a comparison.
 */
import { DONE, streamFraming, wholeAnswer } from "../../src/mock-engine/framing.ts";
import { renderChat } from "../../src/mock-engine/generation-request.ts";
import { outputKey, textBetween, tokenAt } from "../../src/mock-engine/output.ts";
import { extendChain, EMPTY_CHAIN } from "../../src/mock-engine/tokens.ts";

export interface ChatRequest {
  /** Begins with `chatcmpl`, so that the engine takes it as it is. */
  readonly id: string;
  readonly content: string;
  readonly tokens: number;
  readonly stream: boolean;
}

const MODEL = "mock-model";
/** The mock's default. */
const SEED = 1;

export function chatJson({ id, content, tokens, stream }: ChatRequest): object {
  const messages = [{ role: "user", content }];
  return { model: MODEL, messages, stream, max_tokens: tokens, ignore_eos: true, request_id: id };
}

export function expectedAnswer(request: ChatRequest): string {
  return request.stream ? expectedStream(request) : expectedWhole(request);
}

export function timeless(text: string): string {
  return text
    .replaceAll(/"created":\d+/g, `"created":0`)
    .replaceAll(/"arrival_time":[\d.]+(?:e-\d+)?/g, `"arrival_time":0`);
}

function expectedStream({ id, content, tokens }: ChatRequest): string {
  const framing = streamFraming({ api: "chat", id, model: MODEL, created: 0 });
  const key = outputKey(SEED, promptOf(content), 0);
  let text = framing.opening(0);
  for (let i = 0; i < tokens; i++) {
    const finish = i === tokens - 1 ? `"length"` : "null";
    text += framing.content(0, tokenAt(key, i), { finish, arrivalSecs: 0, usage: "" });
  }
  return text + DONE;
}

function expectedWhole({ id, content, tokens }: ChatRequest): string {
  const prompt = promptOf(content);
  const text = textBetween(outputKey(SEED, prompt, 0), 0, tokens);
  const choice = { index: 0, textJson: `"${text}"`, finish: `"length"`, tokenIds: "null" };
  const promptTokens = extendChain(EMPTY_CHAIN, prompt).tokens;
  return wholeAnswer({ api: "chat", id, model: MODEL, created: 0 }, [choice], {
    promptTokens,
    completionTokens: tokens,
    // Shorter than a block, nothing is cached.
    cachedTokens: 0,
  });
}

function promptOf(content: string): string {
  return renderChat([{ role: "user", content }], null) ?? "";
}
