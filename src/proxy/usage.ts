/** Token counts that an answer names itself (OpenAI's `usage`), found in its last bytes. They correct the estimate of prompt length. */
import { lastIndexIn, type ByteRange } from "../lib/byte-range.ts";
import type { TokenUsage } from "../scheduler/assignment.ts";

const USAGE = Buffer.from('"usage"');
const PROMPT = /"prompt_tokens"\s*:\s*(\d{1,9})/;
const COMPLETION = /"completion_tokens"\s*:\s*(\d{1,9})/;
const CACHED = /"cached_tokens"\s*:\s*(\d{1,9})/;
/** `usage` stands at the end of an answer, and in the chunk before `data: [DONE]` of a stream. */
const TAIL_BYTES = 4096;

/** `tail` is the end of the body, or more of it. */
export function readUsage(tail: ByteRange): TokenUsage | null {
  const { bytes, end } = tail;
  const at = lastIndexIn({ bytes, start: Math.max(tail.start, end - TAIL_BYTES), end }, USAGE);
  if (at < 0) return null;
  const usage = bytes.toString("latin1", at, end);
  const promptTokens = PROMPT.exec(usage)?.[1];
  if (promptTokens === undefined) return null;
  return {
    promptTokens: Number(promptTokens),
    completionTokens: Number(COMPLETION.exec(usage)?.[1] ?? 0),
    cachedTokens: Number(CACHED.exec(usage)?.[1] ?? 0),
  };
}
