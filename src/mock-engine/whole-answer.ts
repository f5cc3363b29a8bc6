/** An answer that is not streamed: one JSON object when the last choice has ended. Used by mock-server.ts. */
import type { Reply } from "./connection.ts";
import type { ApiError } from "./errors.ts";
import { wholeAnswer, type AnswerHead } from "./framing.ts";
import type { Answer, Choice } from "./generation.ts";
import type { GenerationRequest } from "./generation-request.ts";
import { usageOf } from "./stream-answer.ts";

export class WholeAnswer implements Answer {
  readonly #reply: Reply;
  readonly #request: GenerationRequest;
  readonly #head: AnswerHead;

  constructor(reply: Reply, request: GenerationRequest, head: AnswerHead) {
    this.#reply = reply;
    this.#request = request;
    this.#head = head;
  }

  token(): void {}

  complete(choices: readonly Choice[]): void {
    const whole = choices.map((choice) => ({
      index: choice.index,
      textJson: this.#textJson(choice),
      finish: choice.finish,
      // A router that starts a pre-empted request again sends them along.
      tokenIds: this.#request.returnTokenIds || choice.rescheduled ? JSON.stringify(choice.tokenIds()) : "null",
    }));
    this.#reply.send(200, "application/json", wholeAnswer(this.#head, whole, usageOf(choices)));
  }

  fail(error: ApiError): void {
    this.#reply.send(error.status, "application/json", error.body);
  }

  #textJson(choice: Choice): string {
    const text = choice.text(0, choice.generated);
    return this.#request.echo ? JSON.stringify(choice.prompt.text + text) : `"${text}"`;
  }
}
