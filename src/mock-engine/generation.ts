/**
 * One inference request under way: its choices in the engine on one side, the answer on the connection on the other.
 * Ends by itself, by an abort, or when the client leaves; every way releases slot and blocks within a step.
 */
import type { EngineDriver } from "./driver.ts";
import { notEnoughBlocks, type ApiError } from "./errors.ts";
import type { GenerationRequest, Prompt } from "./generation-request.ts";
import type { EngineMetrics } from "./metrics.ts";
import { naturalLength, outputKey, textBetween, tokenAt, tokenIdsBetween, type OutputKey } from "./output.ts";
import type { Sequence, SequenceRequest, SequenceSink } from "./sequence.ts";
import { extendChain } from "./tokens.ts";

/** Puts an answer on the wire; one for streams (stream-answer.ts), one for whole answers (whole-answer.ts). */
export interface Answer {
  token(choice: Choice): void;
  /** All choices have ended. */
  complete(choices: readonly Choice[]): void;
  fail(error: ApiError): void;
}

export interface GenerationContext {
  readonly driver: EngineDriver;
  readonly metrics: EngineMetrics;
  readonly seed: number;
  readonly maxModelLen: number;
  readonly meanOutputTokens: number;
  readonly frontMs: number;
  /** PD: KV transfer to the decode server. */
  readonly transferMs: number;
  /** PD prefill: only the first token is generated here. */
  readonly prefillOnly: boolean;
  /** PD decode, releases up to 2.5: a pre-emption is an error instead of `pd_reschedule`. */
  readonly rescheduleFails: boolean;
}

/** How sequences get into the engine: directly, or after a PD hand-shake. */
export type Admission = (request: Omit<SequenceRequest, "arrivalMs">, choice: Choice) => void;

export class Choice implements SequenceSink {
  readonly index: number;
  readonly prompt: Prompt;
  readonly key: OutputKey;
  readonly outputTokens: number;
  readonly #limit: number;
  readonly #generation: Generation;
  sequence: Sequence | null = null;
  generated = 0;
  cachedTokens = 0;
  /** Simulated seconds from the start of inference to the last token. */
  inferenceSecs = 0;
  ended = false;
  aborted = false;
  /** PD decode: pre-empted, to be started again elsewhere. */
  rescheduled = false;
  onEnded: () => void = () => {};

  constructor(generation: Generation, index: number, prompt: Prompt) {
    const { request, context } = generation;
    this.index = index;
    this.prompt = prompt;
    this.#generation = generation;
    this.key = outputKey(context.seed, prompt.text, index % request.n);
    const room = context.maxModelLen - this.promptTokens;
    this.#limit = Math.min(request.maxTokens ?? room, room);
    const natural = Math.max(naturalLength(this.key, context.meanOutputTokens), request.minTokens);
    const wanted = request.ignoreEos ? this.#limit : Math.min(natural, this.#limit);
    this.outputTokens = context.prefillOnly ? 1 : Math.max(1, wanted);
  }

  get requestId(): string {
    return this.#generation.request.id;
  }

  get context(): GenerationContext {
    return this.#generation.context;
  }

  /** Its tokens `from` (inclusive) to `to` (exclusive) as text, counted from the first that is generated here. */
  text(from: number, to: number): string {
    const { generatedBefore: before } = this.#generation.request;
    return to - from === 1 ? tokenAt(this.key, before + from) : textBetween(this.key, before + from, before + to);
  }

  tokenIds(): number[] {
    const { generatedBefore: before } = this.#generation.request;
    return tokenIdsBetween(this.key, before, before + this.generated);
  }

  get promptTokens(): number {
    return this.prompt.chain.tokens + this.#generation.request.generatedBefore;
  }

  /** JSON; `null` while it goes on. */
  get finish(): string {
    if (this.rescheduled) return `"pd_reschedule"`;
    if (this.aborted) return `"abort"`;
    if (this.generated < this.outputTokens) return "null";
    return this.generated >= this.#limit ? `"length"` : `"stop"`;
  }

  token(sequence: Sequence, nowMs: number): void {
    this.sequence = sequence;
    this.generated = sequence.generated;
    this.cachedTokens = sequence.cachedTokens;
    this.inferenceSecs = Math.round((nowMs - (sequence.startedMs ?? nowMs)) * 10) / 10_000;
    this.#generation.onToken(this, sequence, nowMs);
  }

  finished(sequence: Sequence, nowMs: number): void {
    this.aborted = sequence.aborted;
    this.rescheduled = sequence.rescheduled;
    this.context.metrics.finished(sequence, nowMs);
    if (this.rescheduled && this.context.rescheduleFails) this.#generation.fail(notEnoughBlocks(this.requestId));
    this.#end();
  }

  /** Ends it within a step, wherever it is. */
  abort(): void {
    if (this.ended) return;
    if (this.sequence !== null) {
      this.context.driver.abort(this.sequence);
      return;
    }
    this.aborted = true;
    this.#end();
  }

  #end(): void {
    this.ended = true;
    this.onEnded();
    this.#generation.onEnded();
  }
}

export class Generation {
  readonly request: GenerationRequest;
  readonly context: GenerationContext;
  readonly choices: readonly Choice[];
  readonly #answer: Answer;
  #left: number;
  #failed = false;

  constructor(request: GenerationRequest, context: GenerationContext, answer: Answer) {
    this.request = request;
    this.context = context;
    this.#answer = answer;
    this.choices = request.prompts.flatMap((prompt, p) =>
      Array.from({ length: request.n }, (_, i) => new Choice(this, p * request.n + i, prompt)),
    );
    this.#left = this.choices.length;
  }

  start(admit: Admission = submitToQueue): void {
    const { metrics } = this.context;
    for (const choice of this.choices) {
      const { prompt, outputTokens, promptTokens } = choice;
      metrics.received(promptTokens, this.request.maxTokens);
      const finalKeys = (generated: number): readonly number[] =>
        prompt.continuable && this.request.generatedBefore === 0
          ? extendChain(prompt.chain, choice.text(0, generated)).keys
          : prompt.chain.keys;
      const blockKeys = prompt.chain.keys;
      admit({ promptTokens, blockKeys, outputTokens, finalKeys, sink: choice }, choice);
    }
  }

  /** Ends all choices; the answer is completed with what there is. */
  abort(): void {
    for (const choice of this.choices) choice.abort();
  }

  /** Ends all choices, and the answer with an error. */
  fail(error: ApiError): void {
    if (this.#failed) return;
    this.#failed = true;
    this.#answer.fail(error);
    this.abort();
  }

  onToken(choice: Choice, sequence: Sequence, nowMs: number): void {
    this.context.metrics.token(sequence, nowMs);
    if (!this.#failed) this.#answer.token(choice);
  }

  onEnded(): void {
    this.#left--;
    if (this.#left === 0 && !this.#failed) this.#answer.complete(this.choices);
  }
}

/** The ordinary admission. */
export const submitToQueue: Admission = (request, choice) => {
  choice.sequence = choice.context.driver.submit(request, choice.context.frontMs);
};
