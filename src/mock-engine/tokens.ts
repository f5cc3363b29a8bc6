/**
 * The mock's tokenizer: text to a token count and to the keys of its full 64-token blocks, by which the prefix cache knows equal prefixes.
 * An ASCII character is a quarter of a token, any other 0.8; nothing is trimmed, so white space counts like everything else.
 */

export const BLOCK_TOKENS = 64;

export function blocksFor(tokens: number): number {
  return Math.ceil(tokens / BLOCK_TOKENS);
}

// In twentieths of a token, so that the sums stay whole numbers.
const TOKEN_UNITS = 20;
const ASCII_UNITS = 5;
const OTHER_UNITS = 16;
const BLOCK_UNITS = BLOCK_TOKENS * TOKEN_UNITS;
const BLOCK_ASCII_CHARS = BLOCK_UNITS / ASCII_UNITS;

/** Text hashed so far. Key n depends on all text up to the end of block n, so equal keys mean equal prefixes. */
export interface TokenChain {
  readonly tokens: number;
  readonly keys: readonly number[];
  /** Text behind the last full block, to go on from. */
  readonly tail: string;
  readonly units: number;
  readonly lastKey: bigint;
}

export const EMPTY_CHAIN: TokenChain = { tokens: 0, keys: [], tail: "", units: 0, lastKey: 0n };

/** The chain of the text that `chain` stands for followed by `text`. */
export function extendChain(chain: TokenChain, text: string): TokenChain {
  const joined = chain.tail + text;
  const keys = chain.keys.slice();
  const tailBefore = chain.units % BLOCK_UNITS;
  let lastKey = chain.lastKey;
  let start = 0;
  let units = chain.units - tailBefore;
  const ascii = isAscii(joined) && tailBefore === chain.tail.length * ASCII_UNITS;
  while (start < joined.length) {
    const block = ascii ? asciiBlock(joined, start) : mixedBlock(joined, start, units % BLOCK_UNITS);
    units += block.units;
    if (!block.full) break;
    lastKey = Bun.hash(joined.slice(start, block.end), lastKey);
    keys.push(Number(lastKey));
    start = block.end;
  }
  return { tokens: Math.ceil(units / TOKEN_UNITS), keys, tail: joined.slice(start), units, lastKey };
}

/** Prompts given as token ids: each is one token. */
export function chainOfTokenIds(ids: readonly number[]): TokenChain {
  const keys: number[] = [];
  let lastKey = 1n;
  for (let end = BLOCK_TOKENS; end <= ids.length; end += BLOCK_TOKENS) {
    lastKey = Bun.hash(ids.slice(end - BLOCK_TOKENS, end).join(","), lastKey);
    keys.push(Number(lastKey));
  }
  return { tokens: ids.length, keys, tail: "", units: ids.length * TOKEN_UNITS, lastKey };
}

interface Block {
  readonly end: number;
  readonly units: number;
  readonly full: boolean;
}

function asciiBlock(text: string, start: number): Block {
  const end = Math.min(start + BLOCK_ASCII_CHARS, text.length);
  return { end, units: (end - start) * ASCII_UNITS, full: end - start === BLOCK_ASCII_CHARS };
}

/** `carried`: units by which the last block overshot, when its last character crossed the boundary. */
function mixedBlock(text: string, start: number, carried: number): Block {
  let units = 0;
  let end = start;
  while (end < text.length && carried + units < BLOCK_UNITS) {
    const code = text.charCodeAt(end);
    // The second half of a surrogate pair belongs to the character before it.
    if (code < 0xdc00 || code > 0xdfff) units += code < 128 ? ASCII_UNITS : OTHER_UNITS;
    end++;
  }
  return { end, units, full: carried + units >= BLOCK_UNITS };
}

function isAscii(text: string): boolean {
  return Buffer.byteLength(text) === text.length;
}
