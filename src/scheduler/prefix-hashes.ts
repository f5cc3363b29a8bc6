/**
 * Chained hashes of a prompt's blocks: equal hashes mean equal prompts up to and including that block. The proxy computes them
 * for requests whose policy reads prefixes; all dispatchers need the same seed, since they tell each other hashes.
 */

/** One hash for each full block of `blockSize` tokens; an incomplete last block has none. 53 bits, as a number. */
export function prefixHashes(
  tokens: ArrayLike<number>,
  blockSize: number,
  seed: number,
  maxBlocks = Infinity,
): number[] {
  const hashes: number[] = [];
  const end = Math.min(tokens.length, blockSize * maxBlocks);
  let low = seed | 0;
  let high = ~seed | 0;
  let inBlock = 0;
  // By index: an iterator costs ten times as much (bench/micro/prompt.ts).
  for (let i = 0; i < end; i++) {
    const token = tokens[i] ?? 0;
    low = mix(low ^ token, 0x85ebca6b);
    high = mix(high ^ token, 0xc2b2ae35);
    if (++inBlock < blockSize) continue;
    inBlock = 0;
    hashes.push((low >>> 0) * 0x20_0000 + (high >>> 11));
  }
  return hashes;
}

/** A prompt without a tokenizer: every code point counts as a token. */
export function codePoints(text: string): Uint32Array {
  const points = new Uint32Array(text.length);
  let count = 0;
  for (let i = 0; i < text.length; i++) {
    const point = text.codePointAt(i) ?? 0;
    if (point > 0xffff) i++;
    points[count++] = point;
  }
  return points.subarray(0, count);
}

function mix(value: number, factor: number): number {
  const spread = Math.imul(value ^ (value >>> 15), factor);
  return spread ^ (spread >>> 13);
}
