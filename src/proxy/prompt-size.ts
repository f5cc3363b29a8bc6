/** Prompt length in tokens, estimated from the bytes of the body: ascii/4 + other·0.8. The scheduler corrects it by usage. */

/** Bytes looked at; a longer body is sampled evenly. */
const SAMPLES = 256;
/** Tokens one request may weigh at most: a base64 image is no prompt of two million tokens. */
const MAX_TOKENS = 131_072;

export function estimatePromptTokens(body: Uint8Array): number {
  const length = body.length;
  const stride = Math.max(1, Math.ceil(length / SAMPLES));
  let sampled = 0;
  let ascii = 0;
  let leading = 0;
  for (let i = 0; i < length; i += stride) {
    const byte = body[i] ?? 0;
    sampled++;
    if (byte < 0x80) ascii++;
    // Counts a character of two to four bytes once.
    else if (byte >= 0xc0) leading++;
  }
  if (sampled === 0) return 0;
  const scale = length / sampled;
  return Math.min(MAX_TOKENS, Math.ceil((ascii / 4 + leading * 0.8) * scale));
}
