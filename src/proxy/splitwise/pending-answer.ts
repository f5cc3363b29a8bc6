/** Collects an answer from the moment its head is there until somebody listens, so that no part is lost between the two. */
import type { ByteRange } from "../../lib/byte-range.ts";
import type { AnswerListener, Exchange } from "../../upstream/exchange.ts";
import type { UpstreamFailure } from "../../upstream/failure.ts";
import type { ResponseHead } from "../../upstream/response-head.ts";

/** What is told of an answer's body. */
export type AnswerBodyListener = Omit<AnswerListener, "onHead">;

/** An answer under way. */
export interface Answer {
  readonly head: ResponseHead;
  readonly exchange: Exchange;
  /** Tells all that has come so far, then what follows. */
  listen(listener: AnswerBodyListener): void;
}

export class PendingAnswer implements AnswerListener {
  readonly #onAnswer: (head: ResponseHead) => void;
  readonly #onFailure: (failure: UpstreamFailure) => void;
  #listener: AnswerBodyListener | null = null;
  #early: ByteRange[] = [];
  #answered = false;
  #end: "open" | "ended" | UpstreamFailure = "open";

  /** One of the two is called, once. */
  constructor(onAnswer: (head: ResponseHead) => void, onFailure: (failure: UpstreamFailure) => void) {
    this.#onAnswer = onAnswer;
    this.#onFailure = onFailure;
  }

  listen(listener: AnswerBodyListener): void {
    for (const { bytes, start, end } of this.#early) listener.onData(bytes, start, end);
    const brought = this.#early.length > 0;
    this.#early = [];
    this.#listener = listener;
    if (this.#end === "ended") listener.onEnd();
    else if (this.#end !== "open") listener.onFailure(this.#end);
    else if (brought) listener.onReadEnd();
  }

  onHead(head: ResponseHead): void {
    this.#answered = true;
    this.#onAnswer(head);
  }

  onData(bytes: Buffer, start: number, end: number): void {
    if (this.#listener === null) this.#early.push({ bytes, start, end });
    else this.#listener.onData(bytes, start, end);
  }

  onReadEnd(): void {
    this.#listener?.onReadEnd();
  }

  onEnd(): void {
    this.#end = "ended";
    this.#listener?.onEnd();
  }

  onFailure(failure: UpstreamFailure): void {
    this.#end = failure;
    if (!this.#answered) this.#onFailure(failure);
    else this.#listener?.onFailure(failure);
  }
}
