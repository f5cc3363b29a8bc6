/**
 * Reads of a prompt what the policies want to know: its length, and the hashes of its blocks (scheduler/prefix-hashes.ts). read-prompt.ts
 * asks for it where a policy reads prompts; else no long body is ever parsed. Whatever has to wait, waits here, before the choice.
 */
import { RouterError } from "../errors.ts";
import type { PromptUse, SchedulingRequest } from "../scheduler/assignment.ts";
import { codePoints, prefixHashes } from "../scheduler/prefix-hashes.ts";
import { codePointCount, promptText, type PromptKind } from "./prompt-text.ts";
import type { Tokenizer } from "./tokenizer.ts";

export interface PromptReaderOptions {
  readonly blockSize: number;
  /** The same in all threads: they tell each other hashes. */
  readonly seed: number;
  /** Null: every code point counts as a token. */
  readonly tokenizer: Tokenizer | null;
  /** For requests without lines of their own. */
  readonly warn: (message: string) => void;
}

export interface PromptQuestion {
  readonly kind: PromptKind;
  readonly use: Exclude<PromptUse, "nothing">;
  /** Takes what is to be said of this request. */
  readonly lines: { warn(message: string): void } | null;
}

export type PromptFacts = Pick<SchedulingRequest, "countedTokens" | "prefixHashes">;

/** A longer body is not parsed, which would hold the thread for tens of milliseconds: the estimate from its bytes must do. */
const MAX_PARSED_BYTES = 8 * 1024 * 1024;
/** Blocks of one prompt at most, so that one request cannot flush what is known of all others. */
const MAX_BLOCKS = 4096;

const NOTHING: PromptFacts = {};

export class PromptReader {
  readonly #options: PromptReaderOptions;

  constructor(options: PromptReaderOptions) {
    this.#options = options;
  }

  /** Throws RouterError `invalid_json`. */
  async read(body: Buffer, { kind, use, lines }: PromptQuestion): Promise<PromptFacts> {
    if (body.length > MAX_PARSED_BYTES) return NOTHING;
    const text = promptText(parse(body), kind);
    const countedTokens = 2 * codePointCount(text);
    if (use === "tokens" || text === "") return { countedTokens };
    const { blockSize, seed } = this.#options;
    const tokens = await this.#tokens(text, lines ?? this.#options);
    return { countedTokens, prefixHashes: prefixHashes(tokens, blockSize, seed, MAX_BLOCKS) };
  }

  async #tokens(text: string, log: { warn(message: string): void }): Promise<ArrayLike<number>> {
    const { tokenizer } = this.#options;
    if (tokenizer === null) return codePoints(text);
    const result = await tokenizer.tokenize(text);
    if (result.ok) return result.tokens;
    log.warn(`cache-aware prefill: tokenizer failed, fallback to char tokens: ${result.problem}`);
    return codePoints(text);
  }
}

function parse(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString("utf8"));
  } catch (error) {
    // The search for fields sees only the rims of a long body; here the client's mistake inside comes out.
    throw new RouterError("invalid_json", error instanceof Error ? error.message.slice(0, 80) : "not JSON", error);
  }
}
