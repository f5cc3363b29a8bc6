/** Token counts that an answer names itself (OpenAI's `usage`), found in its last bytes. They correct the estimate of prompt length. */
import type { TokenUsage } from "../scheduler/assignment.ts";

const USAGE = Buffer.from('"usage"');
const PROMPT = /"prompt_tokens"\s*:\s*(\d{1,9})/;
const COMPLETION = /"completion_tokens"\s*:\s*(\d{1,9})/;
const CACHED = /"cached_tokens"\s*:\s*(\d{1,9})/;
/** `usage` stands at the end of an answer, and in the chunk before `data: [DONE]` of a stream. */
const TAIL_BYTES = 4096;

/** `tail` is the end of the body, or more of it. */
export function readUsage(tail: Buffer): TokenUsage | null {
  const from = Math.max(0, tail.length - TAIL_BYTES);
  const at = tail.lastIndexOf(USAGE);
  if (at < from) return null;
  const usage = tail.toString("latin1", at);
  const promptTokens = PROMPT.exec(usage)?.[1];
  if (promptTokens === undefined) return null;
  return {
    promptTokens: Number(promptTokens),
    completionTokens: Number(COMPLETION.exec(usage)?.[1] ?? 0),
    cachedTokens: Number(CACHED.exec(usage)?.[1] ?? 0),
  };
}
