/** The clients of the soak: each keeps one request under way, checks every byte of its answer, and may leave in the middle. */
import type { Random } from "../../src/lib/random.ts";
import { chatJson, expectedAnswer, timeless, type ChatRequest } from "../../test/support/expected-answer.ts";
import { HttpConnection, postJson, type HttpAnswer } from "../../test/support/http-client.ts";

export interface LoadOptions {
  readonly port: number;
  readonly clients: number;
  readonly tokens: { readonly min: number; readonly max: number };
  /** Part of the requests whose client leaves before the end. */
  readonly leaving: number;
  /** Part of the requests that are not streamed. */
  readonly whole: number;
  readonly random: Random;
}

export type Ending =
  /** Complete, and every byte as the engine sends it. */
  | { readonly kind: "exact" }
  | { readonly kind: "left" }
  /**
   * `reset`: right as far as it came, then the connection broke. `told`: so too, but the router said that the instance failed.
   * `wrong`: anything else, which no fault excuses.
   */
  | { readonly kind: "reset" | "told" | "wrong"; readonly detail: string };

export interface Result {
  readonly startedAt: number;
  readonly endedAt: number;
  /** X-Router-Instance; empty when there was no head. */
  readonly instance: string;
  readonly ending: Ending;
}

const CHAT = "/v1/chat/completions";

export class Load {
  readonly #options: LoadOptions;
  readonly results: Result[] = [];
  /** Requests sent on a connection; each counts in the router's metrics unless its thread died. */
  sent = 0;
  /** Parts of bodies as they came in: about one an event. */
  parts = 0;
  bytes = 0;
  #stopped = false;

  constructor(options: LoadOptions) {
    this.#options = options;
  }

  /** Resolves when all answers that were under way at `stop` have ended. */
  async run(): Promise<void> {
    await Promise.all(Array.from({ length: this.#options.clients }, (_, client) => this.#client(client)));
  }

  stop(): void {
    this.#stopped = true;
  }

  async #client(client: number): Promise<void> {
    const { random, port } = this.#options;
    let connection: HttpConnection | null = null;
    for (let turn = 0; !this.#stopped; turn++) {
      const startedAt = performance.now();
      // A client of its own sense: half of them keep their connection, and open a new one when the last is closed.
      if (connection !== null && random() < 0.5) connection.leave();
      try {
        if (connection === null || !connection.open) connection = await HttpConnection.connect(port);
        const { instance, ending } = await this.#request(connection, `chatcmpl-${client}-${turn}`);
        this.results.push({ startedAt, endedAt: performance.now(), instance, ending });
      } catch (error) {
        const ending: Ending = { kind: "reset", detail: String(error) };
        this.results.push({ startedAt, endedAt: performance.now(), instance: "", ending });
        await Bun.sleep(100); // lest a router that is gone is asked in a tight loop
      }
    }
    connection?.leave();
  }

  async #request(connection: HttpConnection, id: string): Promise<{ instance: string; ending: Ending }> {
    const { random, tokens, leaving, whole } = this.#options;
    const count = tokens.min + Math.floor(random() * (tokens.max - tokens.min + 1));
    const request: ChatRequest = { id, content: `soak ${id}`, tokens: count, stream: random() >= whole };
    const leavesAfter = random() < leaving ? Math.floor(random() * count) : Infinity;
    if (leavesAfter < Infinity && !request.stream) setTimeout(() => connection.leave(), leavesAfter);
    let parts = 0;
    this.sent++;
    const answer = await connection.ask(postJson(CHAT, chatJson(request)), (part) => {
      this.parts++;
      this.bytes += part.length;
      if (++parts > leavesAfter) connection.leave();
    });
    const left = leavesAfter < Infinity && !answer.complete;
    return { instance: answer.header("x-router-instance"), ending: left ? { kind: "left" } : judge(request, answer) };
  }
}

function judge(request: ChatRequest, answer: HttpAnswer): Ending {
  const expected = expectedAnswer(request);
  const got = timeless(answer.text);
  if (answer.status === 200 && answer.complete && got === expected) return { kind: "exact" };
  let same = 0;
  while (same < got.length && got[same] === expected[same]) same++;
  const rest = got.slice(same);
  const how = answer.complete ? "complete" : "connection broken";
  const detail = `status ${answer.status}, ${how}, right for ${same} of ${expected.length}, then ${JSON.stringify(rest.slice(0, 200))}`;
  if (!answer.complete && rest === "") return { kind: "reset", detail };
  // What Bun itself answers in a thread that is being ended; the router's own answers have a body.
  if ((answer.status === 503 || answer.status === 204) && answer.body.length === 0) return { kind: "reset", detail };
  const told = answer.complete ? answer.status === 502 : TOLD.test(rest);
  return { kind: told ? "told" : "wrong", detail };
}

/** The last event of a stream that its instance broke. */
const TOLD = /^\n\ndata: \{"error":\{[^\n]*"code":"upstream_failed"\}\}\n\n$/;
