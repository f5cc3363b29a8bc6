/** An answer as server-sent events, one write a step; also where faults hit the middle of a stream. Used by mock-server.ts. */
import type { Reply } from "./connection.ts";
import { errorFrame, type ApiError } from "./errors.ts";
import type { Fault, FaultSwitches } from "./faults.ts";
import { DONE, streamFraming, streamUsageJson, type AnswerHead, type StreamFraming, type Usage } from "./framing.ts";
import type { Answer, Choice } from "./generation.ts";
import type { GenerationRequest } from "./generation-request.ts";

const EVENT_STREAM = "text/event-stream; charset=utf-8";

/** What is in store for one stream; null where nothing is. */
export interface StreamFaults {
  readonly ending: { readonly kind: "cut" | "reset" | "stall" | "error-frame"; readonly after: number } | null;
  readonly noDone: boolean;
}

export function drawStreamFaults(faults: FaultSwitches): StreamFaults {
  let ending: StreamFaults["ending"] = null;
  for (const kind of ["stall", "cut", "error-frame", "reset"] as const) {
    const fault: Fault | null = faults.hit(kind);
    if (fault !== null) ending = { kind, after: fault.after ?? 0 };
  }
  return { ending, noDone: faults.hit("no-done") !== null };
}

export class StreamAnswer implements Answer {
  readonly #reply: Reply;
  readonly #request: GenerationRequest;
  readonly #head: AnswerHead;
  readonly #framing: StreamFraming;
  readonly #faults: StreamFaults;
  /** Tokens of each choice that have been sent. */
  readonly #sent: number[] = [];
  /** Choices whose role event has been sent. */
  readonly #opened = new Set<number>();
  #events = 0;
  #broken = false;
  /** Set by the owner: the stream has been broken on purpose, generation can stop. */
  onBroken: () => void = () => {};

  constructor(reply: Reply, request: GenerationRequest, head: AnswerHead, faults: StreamFaults) {
    this.#reply = reply;
    this.#request = request;
    this.#head = head;
    this.#framing = streamFraming(head);
    this.#faults = faults;
    reply.start(EVENT_STREAM);
  }

  token(choice: Choice): void {
    if (this.#broken) return;
    const { tokensPerChunk } = this.#request;
    const held = choice.generated % tokensPerChunk !== 0 && choice.generated < choice.outputTokens;
    const { ending } = this.#faults;
    if (ending !== null && this.#events >= ending.after) {
      if (!held) this.#break(ending.kind);
    } else if (held) {
      // The role goes out with the first token, however many tokens an event holds.
      this.#open(choice);
    } else {
      this.#sendContent(choice);
    }
  }

  complete(choices: readonly Choice[]): void {
    if (this.#broken) return;
    let text = "";
    for (const choice of choices) {
      if (choice.aborted || choice.rescheduled) this.#sendContent(choice);
      if (this.#request.includeUsage && this.#request.api === "completions")
        text += this.#framing.usage(usageOf([choice]));
    }
    if (this.#request.includeUsage && this.#request.api === "chat") text += this.#framing.usage(usageOf(choices));
    if (!this.#faults.noDone) text += DONE;
    if (text !== "") this.#reply.chunk(text);
    this.#reply.end();
  }

  fail(error: ApiError): void {
    if (this.#broken) return;
    this.#broken = true;
    const code = this.#request.api === "chat" ? null : "400";
    this.#reply.chunk(errorFrame(this.#head.id, error.message, code) + DONE);
    this.#reply.end();
  }

  #sendContent(choice: Choice): void {
    const { index, generated, finish } = choice;
    const from = this.#sent[index] ?? 0;
    const first = from === 0;
    this.#sent[index] = generated;
    let text = choice.text(from, generated);
    if (first && this.#request.echo) text = JSON.stringify(choice.prompt.text).slice(1, -1) + text;
    const usage = this.#request.continuousUsage ? streamUsageJson(usageOf([choice])) : "";
    const arrivalSecs = first ? Date.now() / 1000 : choice.inferenceSecs;
    const event = this.#framing.content(index, text, { finish, arrivalSecs, usage });
    this.#open(choice);
    this.#write(event);
    this.#events++;
  }

  /** The event before the first content, once a choice. */
  #open({ index }: Choice): void {
    if (this.#opened.has(index)) return;
    this.#opened.add(index);
    const opening = this.#framing.opening(index);
    if (opening !== "") this.#write(opening);
  }

  #write(event: string): void {
    if (this.#framing.ascii && !this.#request.echo) this.#reply.asciiChunk(event);
    else this.#reply.chunk(event);
  }

  #break(kind: "cut" | "reset" | "stall" | "error-frame"): void {
    this.#broken = true;
    switch (kind) {
      case "cut":
        this.#reply.cut();
        break;
      case "reset":
        this.#reply.reset();
        break;
      case "error-frame":
        this.#reply.chunk(
          errorFrame(this.#head.id, "injected fault", this.#request.api === "chat" ? null : "400") + DONE,
        );
        this.#reply.end();
        break;
      case "stall":
        // Silent for ever: the connection and the slot stay taken until the client leaves.
        return;
    }
    this.onBroken();
  }
}

/** Prompts are counted once per prompt, whatever `n` is. */
export function usageOf(choices: readonly Choice[]): Usage {
  let promptTokens = 0;
  let completionTokens = 0;
  let cachedTokens = 0;
  let lastPrompt: unknown = null;
  for (const choice of choices) {
    if (choice.prompt !== lastPrompt) {
      promptTokens += choice.promptTokens;
      cachedTokens += choice.cachedTokens;
      lastPrompt = choice.prompt;
    }
    completionTokens += choice.generated;
  }
  return { promptTokens, completionTokens, cachedTokens };
}
