/** The state of one mock engine and what its endpoints do with it; routes.ts calls it, mock-engine.ts owns it. */
import type { Reply } from "./connection.ts";
import type { AbortResult, Controllable } from "./control.ts";
import { EngineDriver } from "./driver.ts";
import { Engine } from "./engine.ts";
import { apiError, internalError, PAUSED_NEW, PAUSED_RUNNING, tooManyRequests, type ApiError } from "./errors.ts";
import { FaultSwitches, parseFault, type FaultKind } from "./faults.ts";
import type { AnswerHead } from "./framing.ts";
import { Generation, submitToQueue, type Admission, type GenerationContext } from "./generation.ts";
import { parseGenerationRequest, type Api, type GenerationRequest } from "./generation-request.ts";
import { parseFields } from "./json.ts";
import { EngineMetrics } from "./metrics.ts";
import type { MockEngineOptions } from "./options.ts";
import { Rendezvous, prefillAdmission } from "./pd.ts";
import { drawStreamFaults, StreamAnswer } from "./stream-answer.ts";
import { WholeAnswer } from "./whole-answer.ts";

export class MockServer implements Controllable {
  readonly options: MockEngineOptions;
  readonly engine: Engine;
  readonly driver: EngineDriver;
  readonly metrics: EngineMetrics;
  readonly faults: FaultSwitches;
  readonly rendezvous = new Rendezvous();
  readonly #context: GenerationContext;
  /** By response id. */
  readonly #active = new Map<string, Generation>();
  readonly #created = Math.floor(Date.now() / 1000);
  paused = false;
  /** Inference calls, refused ones included. */
  received = 0;
  /** Inference calls whose answer is not complete. */
  open = 0;
  openStreams = 0;
  disconnected = 0;
  /** Calls that a `stall` fault leaves without an answer. */
  stalled = 0;
  #staleMetrics: string | null = null;
  /** Requests have come, gone or moved on. */
  onLoadChange: () => void = () => {};

  constructor(options: MockEngineOptions) {
    const { timing } = options.preset;
    this.options = options;
    this.engine = new Engine({ ...options, preemptionEnds: options.role === "decode" }, timing);
    this.driver = new EngineDriver(this.engine, options.timeScale);
    this.driver.onSteps = () => this.onLoadChange();
    this.metrics = new EngineMetrics(this.engine);
    this.faults = new FaultSwitches(options.seed);
    this.#context = {
      ...options,
      ...timing,
      driver: this.driver,
      metrics: this.metrics,
      prefillOnly: options.role === "prefill",
      rescheduleFails: options.payloadVersion !== "dev",
    };
  }

  get model(): string {
    return this.options.servedModelName ?? this.options.model;
  }

  infer(api: Api, body: Buffer, reply: Reply): void {
    this.received++;
    const refusal = this.#refusal(reply);
    if (refusal === "silent") return;
    if (refusal !== null) {
      sendError(reply, refusal);
      return;
    }
    const { maxModelLen, servedModelName } = this.options;
    const parsed = parseGenerationRequest(api, body, { maxModelLen, servedModelName, model: this.model });
    if (parsed.ok) this.#generate(parsed.request, reply);
    else sendError(reply, parsed.error);
  }

  pauseRunning(): void {
    for (const generation of this.#active.values()) generation.fail(PAUSED_RUNNING);
  }

  abortRequests(ids: readonly string[] | "all"): AbortResult {
    const aborted: { request_id: string; output_token_count: number }[] = [];
    const notFound: string[] = [];
    for (const id of ids === "all" ? [...this.#active.keys()] : ids) {
      const generation = this.#active.get(id) ?? this.#active.get(id.replace(/_\d+$/, ""));
      if (generation === undefined) {
        notFound.push(id);
        continue;
      }
      for (const { index, generated } of generation.choices) {
        aborted.push({ request_id: `${generation.request.id}_${index}`, output_token_count: generated });
      }
      generation.abort();
    }
    return { aborted, not_found: notFound };
  }

  /** Null when done, else what is wrong with `body`. `{"kind":"none"}` clears all, `{"kind":K,"off":true}` one. */
  switchFault(body: string): string | null {
    try {
      const fields = parseFields(body);
      if (fields?.["kind"] === "none") this.faults.clear();
      else if (fields?.["off"] === true) this.faults.clear(parseFault({ kind: fields["kind"] }).kind);
      else this.faults.set(parseFault(fields));
      return null;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }

  /** Faults that act on the engine itself; those of the process and its ports are mock-engine.ts's. */
  onFault(kind: FaultKind): void {
    if (kind === "slow") {
      const slow = this.faults.get("slow");
      this.engine.slowFactor = slow === null ? 1 : (slow.factor ?? 10);
    }
    if (kind === "metrics-stale") {
      this.#staleMetrics = this.faults.get("metrics-stale") === null ? null : this.metrics.expose();
    }
  }

  metricsText(): string {
    return this.#staleMetrics ?? this.metrics.expose();
  }

  modelsText(): string {
    const created = this.#created;
    const permission = {
      id: `modelperm-${crypto.randomUUID().replaceAll("-", "")}`,
      object: "model_permission",
      created,
      allow_create_engine: false,
      allow_sampling: true,
      allow_logprobs: true,
      allow_search_indices: false,
      allow_view: true,
      allow_fine_tuning: false,
      organization: "*",
      group: null,
      is_blocking: false,
    };
    const model = {
      id: this.model,
      object: "model",
      created,
      owned_by: "FastDeploy",
      root: this.options.model,
      parent: null,
      max_model_len: this.options.maxModelLen,
      permission: [permission],
    };
    return JSON.stringify({ object: "list", data: [model] });
  }

  state(): Record<string, unknown> {
    const { engine, metrics } = this;
    return {
      role: this.options.role,
      model: this.model,
      received: this.received,
      open: this.open,
      open_streams: this.openStreams,
      disconnected: this.disconnected,
      stalled: this.stalled,
      running: engine.running,
      waiting: engine.waiting,
      queued: engine.queued,
      completed: metrics.completed,
      aborted: metrics.aborted,
      preemptions: engine.preemptions,
      prompt_tokens: metrics.promptTokensTotal,
      generated_tokens: metrics.generatedTokensTotal,
      cached_tokens: metrics.cachedTokensTotal,
      available_blocks: engine.pool.available,
      total_blocks: engine.pool.total,
      steps: engine.steps,
      simulated_ms: Math.round(this.driver.now()),
      paused: this.paused,
      faults: this.faults.list(),
    };
  }

  /** What `/config-info` tells; no keys. */
  publicConfig(): Record<string, unknown> {
    const { apiKeys: _keys, registrationToken: _token, ...rest } = this.options;
    return rest;
  }

  #refusal(reply: Reply): ApiError | "silent" | null {
    const { faults } = this;
    if (faults.hit("overload") !== null) return tooManyRequests(this.options.maxConcurrency);
    const fail = faults.hit("fail");
    if (fail !== null) return apiError(fail.status ?? 500, "injected fault", { type: "internal_error" });
    if (faults.get("stall")?.after === undefined && faults.hit("stall") !== null) {
      this.stalled++;
      reply.onSettled = () => this.stalled--;
      return "silent";
    }
    if (faults.get("reset")?.after === undefined && faults.hit("reset") !== null) {
      reply.reset();
      return "silent";
    }
    if (this.open >= this.options.maxConcurrency) return tooManyRequests(this.options.maxConcurrency);
    return this.paused ? PAUSED_NEW : null;
  }

  #generate(request: GenerationRequest, reply: Reply): void {
    if (this.options.role !== "mixed" && request.disaggregateInfo === null) {
      sendError(reply, internalError(`disaggregate_info is required by a ${this.options.role} server`));
      return;
    }
    const head: AnswerHead = { ...request, created: Math.floor(Date.now() / 1000) };
    const answer = request.stream
      ? new StreamAnswer(reply, request, head, drawStreamFaults(this.faults))
      : new WholeAnswer(reply, request, head);
    const generation = new Generation(request, this.#context, answer);
    if (answer instanceof StreamAnswer) answer.onBroken = () => generation.abort();
    reply.onGone = () => {
      this.disconnected++;
      if (this.faults.get("ignore-disconnect") === null) generation.abort();
    };
    this.#track(generation, reply);
    const admit = this.#admission(generation);
    if (admit === null) generation.fail(internalError("disaggregate_info names no decode connector"));
    else generation.start(admit);
  }

  #admission(generation: Generation): Admission | null {
    const { role } = this.options;
    if (role === "decode") return this.rendezvous.admit;
    return role === "prefill" ? prefillAdmission(generation, submitToQueue) : submitToQueue;
  }

  #track(generation: Generation, reply: Reply): void {
    const { id, stream } = generation.request;
    this.#active.set(id, generation);
    this.open++;
    if (stream) this.openStreams++;
    reply.onSettled = () => {
      this.open--;
      if (stream) this.openStreams--;
      if (this.#active.get(id) === generation) this.#active.delete(id);
      this.onLoadChange();
    };
  }
}

function sendError(reply: Reply, error: ApiError): void {
  reply.send(error.status, "application/json", error.body);
}
