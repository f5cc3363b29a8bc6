/**
 * One inference request under way: its choices in the engine on one side, the answer on the connection on the other.
 * Ends by itself, by an abort, or when the client leaves; every way releases slot and blocks within a step.
 */
import type { Reply } from "./connection.ts";
import type { EngineDriver } from "./driver.ts";
import type { ApiError } from "./errors.ts";
import type { GenerationRequest, Prompt } from "./generation-request.ts";
import type { EngineMetrics } from "./metrics.ts";
import { naturalLength, outputKey, textBetween, type OutputKey } from "./output.ts";
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

  constructor(generation: Generation, index: number, prompt: Prompt) {
    const { request, context } = generation;
    this.index = index;
    this.prompt = prompt;
    this.#generation = generation;
    this.key = outputKey(context.seed, prompt.text, index % request.n);
    const room = context.maxModelLen - prompt.chain.tokens;
    this.#limit = Math.min(request.maxTokens ?? room, room);
    const natural = Math.max(naturalLength(this.key, context.meanOutputTokens), request.minTokens);
    this.outputTokens = Math.max(1, request.ignoreEos ? this.#limit : Math.min(natural, this.#limit));
  }

  /** JSON; `null` while it goes on. */
  get finish(): string {
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
    this.ended = true;
    this.aborted = sequence.aborted;
    this.#generation.onFinished(sequence, nowMs);
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

  start(admit: Admission = (request, choice) => this.#submit(request, choice)): void {
    const { metrics } = this.context;
    for (const choice of this.choices) {
      const { prompt, outputTokens } = choice;
      metrics.received(prompt.chain.tokens, this.request.maxTokens);
      const finalKeys = (generated: number): readonly number[] =>
        prompt.continuable ? extendChain(prompt.chain, textBetween(choice.key, 0, generated)).keys : prompt.chain.keys;
      const blockKeys = prompt.chain.keys;
      admit({ promptTokens: prompt.chain.tokens, blockKeys, outputTokens, finalKeys, sink: choice }, choice);
    }
  }

  /** Ends all choices; the answer is completed with what there is. */
  abort(): void {
    for (const choice of this.choices) {
      if (choice.sequence !== null && !choice.ended) this.context.driver.abort(choice.sequence);
    }
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

  onFinished(sequence: Sequence, nowMs: number): void {
    this.context.metrics.finished(sequence, nowMs);
    this.#left--;
    if (this.#left === 0 && !this.#failed) this.#answer.complete(this.choices);
  }

  #submit(request: Omit<SequenceRequest, "arrivalMs">, choice: Choice): void {
    choice.sequence = this.context.driver.submit(request, this.context.frontMs);
  }
}

/** What the client's leaving and a settled answer do; the connection is told once. */
export function attach(generation: Generation, reply: Reply, ignoreDisconnect: () => boolean): void {
  reply.onGone = () => {
    if (!ignoreDisconnect()) generation.abort();
  };
}
