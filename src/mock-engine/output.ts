/**
 * What the mock "generates": text and length follow from seed, prompt and choice alone, so that a test can compute the expected bytes.
 * Every token is four ASCII characters that need no JSON escape, so generated text counts as many tokens in tokens.ts as were generated.
 */
import { createRandom } from "../lib/random.ts";

const WORDS =
  "the and for you was one our out day get has him his how man new now old see two way who boy did its let put say she too use air arm bag bed big box bus car cat cup dog ear egg eye far fly fun hat ice key leg map net oak pen pot red run sea sky sun tea toy win";
const VOCABULARY: readonly string[] = WORDS.split(" ").map((word) => ` ${word}`);

/** Identifies one generated text; any 32-bit number. */
export type OutputKey = number;

export function outputKey(seed: number, prompt: string, choice: number): OutputKey {
  return mix(Number(Bun.hash(prompt, seed) & 0xffffffffn) ^ Math.imul(choice + 1, 0x9e3779b9));
}

export function tokenAt(key: OutputKey, index: number): string {
  return VOCABULARY[tokenIdAt(key, index)] ?? " the";
}

function tokenIdAt(key: OutputKey, index: number): number {
  return mix(key ^ Math.imul(index + 1, 0x85ebca6b)) % VOCABULARY.length;
}

/** Tokens `from` (inclusive) to `to` (exclusive) as text. */
export function textBetween(key: OutputKey, from: number, to: number): string {
  let text = "";
  for (let i = from; i < to; i++) text += tokenAt(key, i);
  return text;
}

export function tokenIdsBetween(key: OutputKey, from: number, to: number): number[] {
  return Array.from({ length: Math.max(0, to - from) }, (_, i) => tokenIdAt(key, from + i));
}

/** Where the model would stop by itself: log-normal, since answers are mostly short with a long tail. At least 1. */
export function naturalLength(key: OutputKey, meanTokens: number): number {
  const random = createRandom(key);
  const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const sigma = 0.8;
  return Math.max(1, Math.round(meanTokens * Math.exp(sigma * normal - (sigma * sigma) / 2)));
}

function mix(value: number): number {
  let x = value | 0;
  x = Math.imul(x ^ (x >>> 16), 0x45d9f3b);
  x = Math.imul(x ^ (x >>> 16), 0x45d9f3b);
  return (x ^ (x >>> 16)) >>> 0;
}
