/** The proxy's surroundings without sockets: exchanges that the test plays, assignments that count, a recorder that remembers. */
import type { Instance, InstanceId } from "../../../src/fleet/instance.ts";
import type { ProxyContext } from "../../../src/proxy/context.ts";
import { PromptReader } from "../../../src/proxy/prompt-reader.ts";
import type { Recorder, RequestRecord } from "../../../src/proxy/record.ts";
import { RetryBudget } from "../../../src/proxy/retry.ts";
import type { Assignment, AssignResult, Outcome, Refusal } from "../../../src/scheduler/assignment.ts";
import type { UpstreamClient } from "../../../src/upstream/client.ts";
import type { AnswerListener, Exchange, UpstreamRequest } from "../../../src/upstream/exchange.ts";
import type { UpstreamFailure } from "../../../src/upstream/failure.ts";
import { readResponseHead } from "../../../src/upstream/response-head.ts";
import { instanceAt } from "../../support/instance.ts";

export class FakeExchange {
  readonly request: UpstreamRequest;
  readonly #listener: AnswerListener;
  state: "waiting" | "answering" | "ended" | "aborted" = "waiting";
  paused = false;
  pauses = 0;

  constructor(request: UpstreamRequest, listener: AnswerListener) {
    this.request = request;
    this.#listener = listener;
  }

  get open(): boolean {
    return this.state === "waiting" || this.state === "answering";
  }

  abort(): void {
    if (this.open) this.state = "aborted";
  }

  pause(): void {
    if (this.state !== "answering") return;
    this.paused = true;
    this.pauses++;
  }

  resume(): void {
    this.paused = false;
  }

  head(...lines: readonly string[]): this {
    const result = readResponseHead(lines.join("\r\n"));
    if (!result.ok) throw new Error(result.problem);
    this.state = "answering";
    this.#listener.onHead(result.head);
    return this;
  }

  data(text: string): this {
    const bytes = Buffer.from(text);
    if (this.state === "answering") this.#listener.onData(bytes, 0, bytes.length);
    return this;
  }

  readEnd(): this {
    if (this.state === "answering") this.#listener.onReadEnd();
    return this;
  }

  end(): void {
    if (this.state !== "answering") return;
    this.state = "ended";
    this.#listener.onEnd();
  }

  fail(failure: UpstreamFailure): void {
    if (!this.open) return;
    this.state = "ended";
    this.#listener.onFailure(failure);
  }

  /** A whole answer in one read. */
  answer(body: string, status = "200 OK", type = "application/json"): void {
    this.head(`HTTP/1.1 ${status}`, `Content-Type: ${type}`, `Content-Length: ${body.length}`).data(body).end();
  }
}

export class FakeAssignment implements Assignment {
  readonly instance: Instance;
  readonly outcomes: Outcome[] = [];
  readonly requestCount = 1;
  readonly promptTokens = 0;
  firstTokens = 0;

  constructor(instance: Instance) {
    this.instance = instance;
  }

  firstToken(): void {
    this.firstTokens++;
  }

  settle(outcome: Outcome): void {
    this.outcomes.push(outcome);
    if (this.outcomes.length > 1) throw new Error("settled twice");
  }
}

class FakeRecorder implements Recorder {
  readonly finished: RequestRecord[] = [];
  readonly failures: string[] = [];
  readonly crashes: unknown[] = [];
  readonly gaps: number[] = [];
  retries = 0;

  interToken(ms: number): void {
    this.gaps.push(ms);
  }

  retried(): void {
    this.retries++;
  }

  upstreamFailed(instance: InstanceId, kind: string): void {
    this.failures.push(`${instance} ${kind}`);
  }

  crashed(error: unknown): void {
    this.crashes.push(error);
  }

  finish(record: RequestRecord): void {
    this.finished.push(record);
  }
}

export interface FakePartsOptions {
  readonly instances?: number;
  readonly retries?: number;
  readonly maxBodyBytes?: number;
}

export class FakeParts {
  readonly exchanges: FakeExchange[] = [];
  readonly assignments: FakeAssignment[] = [];
  readonly recorder = new FakeRecorder();
  readonly context: ProxyContext;
  now = 0;
  refusal: Refusal | null = null;
  /** Whether `isListening` finds the instance alive. */
  alive = true;
  onSend: (exchange: FakeExchange) => void = () => undefined;

  constructor({ instances = 3, retries = 1, maxBodyBytes = 1000 }: FakePartsOptions = {}) {
    const upstream = {
      send: (request: UpstreamRequest, listener: AnswerListener): Exchange => {
        const exchange = new FakeExchange(request, listener);
        this.exchanges.push(exchange);
        queueMicrotask(() => this.onSend(exchange));
        return exchange as unknown as Exchange;
      },
      isListening: async () => this.alive,
    };
    const all = Array.from({ length: instances }, (_, i) => instanceAt("10.0.0.1", 8000 + i));
    this.context = {
      dispatcher: {
        promptUse: () => "nothing",
        assign: (_, excluded) => this.#assign(all.filter(({ id }) => !excluded.has(id))),
      },
      upstream: upstream as unknown as UpstreamClient,
      recorder: this.recorder,
      retryBudget: new RetryBudget({ share: 1, perSecond: 10 }, 0),
      limits: { maxBodyBytes, retries, writeTimeoutMs: 0 },
      splitwise: false,
      prompts: new PromptReader({ blockSize: 64, seed: 0, tokenizer: null, warn: () => undefined }),
      now: () => (this.now += 1),
      random: () => 0.5,
      answerLocally: async (client) => {
        client.head(200, []);
        client.end();
      },
    };
  }

  get last(): FakeExchange {
    const last = this.exchanges.at(-1);
    if (last === undefined) throw new Error("nothing was sent");
    return last;
  }

  #assign(candidates: readonly Instance[]): AssignResult {
    if (this.refusal !== null) return { ok: false, refusal: this.refusal };
    const [instance] = candidates;
    if (instance === undefined) return { ok: false, refusal: { kind: "exhausted" } };
    const assignment = new FakeAssignment(instance);
    this.assignments.push(assignment);
    return { ok: true, assignment };
  }
}

/** Lets promises settle. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve();
}
