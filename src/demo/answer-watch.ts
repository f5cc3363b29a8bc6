/** Watches one answer as it streams in: when its tokens came, and whether it ended well. Made by replay.ts, one a request. */
import { EventReader, type EventKind } from "./event-reader.ts";
import type { RequestRecord } from "./recorder.ts";

/** Told of one answer; ends with exactly one of the last two. */
export interface AnswerSink {
  /** `instance`: who answered, by the router's header; null when it does not say. */
  onHead(status: number, instance: string | null): void;
  onData(chunk: Uint8Array): void;
  onEnd(): void;
  onFailure(reason: string): void;
}

export interface ExpectedAnswer {
  readonly outputTokens: number;
  /** How many tokens the engine sends at once. */
  readonly tokensPerEvent: number;
}

export class AnswerWatch implements AnswerSink {
  readonly #record: RequestRecord;
  readonly #expected: ExpectedAnswer;
  readonly #now: () => number;
  readonly #ended: () => void;
  readonly #reader = new EventReader((kind) => this.#onEvent(kind));
  #tokens = 0;
  #lastTokensAt: number | null = null;
  #problem: string | null = null;
  #complete = false;

  constructor(record: RequestRecord, expected: ExpectedAnswer, now: () => number, ended: () => void) {
    this.#record = record;
    this.#expected = expected;
    this.#now = now;
    this.#ended = ended;
  }

  onHead(status: number, instance: string | null): void {
    if (status !== 200) this.#problem = `status ${status}`;
    this.#record.answeredBy(instance);
  }

  onData(chunk: Uint8Array): void {
    this.#reader.feed(chunk);
  }

  onEnd(): void {
    this.#end(this.#problem ?? (this.#complete ? null : "stream ended without [DONE]"));
  }

  onFailure(reason: string): void {
    this.#end(reason);
  }

  #onEvent(kind: EventKind): void {
    if (kind === "tokens") this.#onTokens(this.#now());
    else if (kind === "error") this.#problem ??= "error event in the stream";
    else if (kind === "done") this.#complete = true;
  }

  #onTokens(at: number): void {
    const { outputTokens, tokensPerEvent } = this.#expected;
    if (this.#lastTokensAt === null) {
      this.#record.firstToken(at);
    } else {
      // The first token was there when the first event came; an event of tokens leaves when its last one is made.
      const made = Math.min(this.#tokens + tokensPerEvent, outputTokens);
      this.#record.tokens(at - this.#lastTokensAt, made - Math.max(1, this.#tokens));
      this.#tokens = made;
    }
    this.#lastTokensAt = at;
  }

  #end(problem: string | null): void {
    this.#record.end(this.#now(), problem);
    this.#ended();
  }
}
