/**
 * Makes the body of a request with a prompt of so many tokens, cheaply: copies of a prepared text, stamped so that prompts differ.
 * A token is four ASCII characters, as the mock engine and the router count. Called by replay.ts.
 */
import type { TraceRequest } from "./trace-request.ts";

const CHARS_PER_TOKEN = 4;
/** Of the trace's hash ids. */
const BLOCK_CHARS = 512 * CHARS_PER_TOKEN;
const STAMP_CHARS = 24;

const WORDS = "the router sends each request to the instance that can answer it first so that nobody has to wait ";
/** Needs no JSON escape. */
const FILLER = Buffer.from(WORDS.repeat(Math.ceil(BLOCK_CHARS / WORDS.length))).subarray(0, BLOCK_CHARS);

export interface PromptRequest extends Pick<TraceRequest, "promptTokens" | "outputTokens" | "blockIds"> {
  readonly id: number;
}

/** `tokensPerEvent`: how many tokens the engine sends at once. */
export function requestBody(request: PromptRequest, tokensPerEvent: number): Buffer {
  const chars = request.promptTokens * CHARS_PER_TOKEN;
  const { before, after } = envelope(request.outputTokens, tokensPerEvent);
  const body = Buffer.allocUnsafe(before.length + chars + after.length);
  body.write(before, 0, "latin1");
  fillPrompt(body.subarray(before.length, before.length + chars), request);
  body.write(after, before.length + chars, "latin1");
  return body;
}

function envelope(outputTokens: number, tokensPerEvent: number): { readonly before: string; readonly after: string } {
  return {
    before: `{"model":"default","stream":true,"stream_options":{"include_usage":true},"max_tokens":${outputTokens},"min_tokens":${outputTokens},"max_streaming_response_tokens":${tokensPerEvent},"messages":[{"role":"user","content":"`,
    after: `"}]}`,
  };
}

/** Block by block; each begins with its hash id, or, where there is none, with the request's own id, so that no cache knows it. */
function fillPrompt(prompt: Buffer, request: PromptRequest): void {
  for (let start = 0, block = 0; start < prompt.length; start += BLOCK_CHARS, block++) {
    FILLER.copy(prompt, start);
    const hashId = request.blockIds?.[block];
    const stamp = hashId === undefined ? `request ${request.id} ` : `block ${hashId} `;
    prompt.write(stamp.padEnd(STAMP_CHARS), start, "latin1");
  }
}
