/**
 * Follows an answer's server-sent events as far as measuring needs: which are tokens, and whether the stream came to its proper end.
 * Reads bytes, parses no JSON: the generator shares the machine with what it measures. Used by answer-watch.ts.
 */

/** `tokens`: the first of an answer announces its first token and carries none itself (FastDeploy's role event). */
export type EventKind = "tokens" | "usage" | "error" | "done";

const EVENT_END = Buffer.from("\n\n");
const DONE = Buffer.from("data: [DONE]");
const ERROR = Buffer.from('data: {"error"');
const NO_CHOICES = Buffer.from('"choices":[]');

export class EventReader {
  #rest: Buffer | null = null;
  readonly #onEvent: (kind: EventKind) => void;

  constructor(onEvent: (kind: EventKind) => void) {
    this.#onEvent = onEvent;
  }

  feed(chunk: Uint8Array): void {
    const view = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    const bytes = this.#rest === null ? view : Buffer.concat([this.#rest, view]);
    let start = 0;
    for (let end = bytes.indexOf(EVENT_END); end >= 0; end = bytes.indexOf(EVENT_END, start)) {
      this.#onEvent(kindOf(bytes.subarray(start, end)));
      start = end + EVENT_END.length;
    }
    this.#rest = start < bytes.length ? bytes.subarray(start) : null;
  }
}

function kindOf(event: Buffer): EventKind {
  if (startsWith(event, DONE)) return "done";
  if (startsWith(event, ERROR)) return "error";
  return event.includes(NO_CHOICES) ? "usage" : "tokens";
}

function startsWith(bytes: Buffer, prefix: Buffer): boolean {
  return bytes.length >= prefix.length && bytes.compare(prefix, 0, prefix.length, 0, prefix.length) === 0;
}
