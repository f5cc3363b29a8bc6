/** `/metrics` under the real engine's names, with its flaws: the deep queue does not show in `num_requests_waiting`. */
import type { Engine } from "./engine.ts";
import { Histogram, sample } from "./histogram.ts";
import type { Sequence } from "./sequence.ts";
import { BLOCK_TOKENS } from "./tokens.ts";

const SHORT = [0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1];
const TOKEN_GAP = [0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1];
const LONG = [0.3, 0.5, 0.8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60, 120, 240, 480, 960, 1920, 7680];
const TOKENS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000];

export class EngineMetrics {
  readonly #engine: Engine;
  readonly #ttft = new Histogram(SHORT);
  readonly #tokenGap = new Histogram(TOKEN_GAP);
  readonly #queueTime = new Histogram(LONG);
  readonly #prefillTime = new Histogram(LONG);
  readonly #decodeTime = new Histogram(LONG);
  readonly #inferenceTime = new Histogram(LONG);
  readonly #endToEnd = new Histogram(LONG);
  readonly #promptTokens = new Histogram(TOKENS);
  readonly #generationTokens = new Histogram(TOKENS);
  readonly #maxTokens = new Histogram(TOKENS);
  #lastTtftSecs = 0;
  #lastGapSecs = 0;
  requests = 0;
  completed = 0;
  aborted = 0;
  promptTokensTotal = 0;
  generatedTokensTotal = 0;
  cachedTokensTotal = 0;
  #hits = 0;
  #prefills = 0;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  received(promptTokens: number, maxTokens: number | null): void {
    this.requests++;
    this.promptTokensTotal += promptTokens;
    this.#promptTokens.observe(promptTokens);
    if (maxTokens !== null) this.#maxTokens.observe(maxTokens);
  }

  token(sequence: Sequence, nowMs: number): void {
    this.generatedTokensTotal++;
    if (sequence.generated === 1) this.#firstToken(sequence, nowMs);
    else {
      this.#lastGapSecs = (nowMs - sequence.lastTokenMs) / 1000;
      this.#tokenGap.observe(this.#lastGapSecs);
    }
  }

  finished(sequence: Sequence, nowMs: number): void {
    if (sequence.aborted || sequence.rescheduled) {
      this.aborted++;
      return;
    }
    this.completed++;
    const { arrivalMs } = sequence.request;
    const startedMs = sequence.startedMs ?? nowMs;
    this.#decodeTime.observe((nowMs - (sequence.firstTokenMs ?? nowMs)) / 1000);
    this.#inferenceTime.observe((nowMs - startedMs) / 1000);
    this.#endToEnd.observe((nowMs - arrivalMs) / 1000);
    this.#generationTokens.observe(sequence.generated);
  }

  expose(): string {
    return this.#gauges() + this.#counters() + this.#histograms();
  }

  #firstToken(sequence: Sequence, nowMs: number): void {
    const { arrivalMs } = sequence.request;
    const startedMs = sequence.startedMs ?? nowMs;
    this.#lastTtftSecs = (nowMs - arrivalMs) / 1000;
    this.#ttft.observe(this.#lastTtftSecs);
    this.#queueTime.observe((startedMs - arrivalMs) / 1000);
    this.#prefillTime.observe((nowMs - startedMs) / 1000);
    this.cachedTokensTotal += sequence.cachedTokens;
    this.#prefills++;
    if (sequence.cachedTokens > 0) this.#hits++;
  }

  #gauges(): string {
    const { pool, running, waiting, slotsTaken, maxNumSeqs } = this.#engine;
    const hitTokens = ratio(this.cachedTokensTotal, this.promptTokensTotal);
    return [
      gauge("num_requests_running", "Number of requests currently running", running),
      gauge("num_requests_waiting", "Number of requests currently waiting", waiting),
      gauge("gpu_cache_usage_perc", "GPU KV-cache usage. 1 means 100 percent usage", 1 - pool.available / pool.total),
      gauge("batch_size", "Slots in use", slotsTaken),
      gauge("max_batch_size", "Slots in all", maxNumSeqs),
      gauge("available_batch_size", "Slots free", maxNumSeqs - slotsTaken),
      gauge("max_gpu_block_num", "KV-cache blocks in all", pool.total),
      gauge("max_cpu_block_num", "KV-cache blocks in host memory", 0),
      gauge("available_gpu_block_num", "KV-cache blocks free or reclaimable", pool.available),
      gauge("free_gpu_block_num", "KV-cache blocks strictly free", pool.free),
      gauge("available_gpu_resource", "Available blocks of all", pool.available / pool.total),
      gauge("first_token_latency", "Latest time to first token in seconds", this.#lastTtftSecs),
      gauge("infer_latency", "Latest time between tokens in seconds", this.#lastGapSecs),
      gauge("hit_req_rate", "Requests with a prefix-cache hit, of all", ratio(this.#hits, this.#prefills)),
      gauge("hit_token_rate", "Prompt tokens from the prefix cache, of all", hitTokens),
      gauge("cpu_hit_token_rate", "Prompt tokens from host memory, of all", 0),
      gauge("gpu_hit_token_rate", "Prompt tokens from GPU memory, of all", hitTokens),
      `# HELP fastdeploy:cache_config_info Information of the cache configuration\n# TYPE fastdeploy:cache_config_info gauge\nfastdeploy:cache_config_info{block_size="${BLOCK_TOKENS}",enable_prefix_caching="True",gpu_memory_utilization="0.9"} 1.0\n`,
    ].join("");
  }

  #counters(): string {
    return [
      counter("requests_number_total", "Total number of requests received", this.requests),
      counter("request_success_total", "Total number of successfully processed requests", this.completed),
      counter("prompt_tokens_total", "Total number of prompt tokens processed", this.promptTokensTotal),
      counter("generation_tokens_total", "Total number of tokens generated", this.generatedTokensTotal),
      counter("prefix_cache_token_num_total", "Prompt tokens from the prefix cache", this.cachedTokensTotal),
      counter("prefix_gpu_cache_token_num_total", "Prompt tokens from GPU memory", this.cachedTokensTotal),
      counter("prefix_cpu_cache_token_num_total", "Prompt tokens from host memory", 0),
      counter("prefix_ssd_cache_token_num_total", "Prompt tokens from disk", 0),
      counter("send_cache_failed_num_total", "Failed cache transfers", 0),
    ].join("");
  }

  #histograms(): string {
    return [
      histogram("time_to_first_token_seconds", "Time to first token in seconds", this.#ttft),
      histogram("time_per_output_token_seconds", "Time per output token in seconds", this.#tokenGap),
      histogram("request_inference_time_seconds", "Time in the batch", this.#inferenceTime),
      histogram("request_queue_time_seconds", "Time in the queue", this.#queueTime),
      histogram("request_prefill_time_seconds", "Time of prefill", this.#prefillTime),
      histogram("request_decode_time_seconds", "Time of decode", this.#decodeTime),
      histogram("e2e_request_latency_seconds", "Time from arrival to the last token", this.#endToEnd),
      histogram("request_prompt_tokens", "Prompt tokens of a request", this.#promptTokens),
      histogram("request_generation_tokens", "Generated tokens of a request", this.#generationTokens),
      histogram("request_params_max_tokens", "max_tokens of a request", this.#maxTokens),
    ].join("");
  }
}

function gauge(name: string, help: string, value: number): string {
  return `${declare(name, help, "gauge")}fastdeploy:${name} ${sample(value)}\n`;
}

function counter(name: string, help: string, value: number): string {
  return `${declare(name, help, "counter")}fastdeploy:${name} ${sample(value)}\n`;
}

function histogram(name: string, help: string, value: Histogram): string {
  return declare(name, help, "histogram") + value.lines(`fastdeploy:${name}`);
}

function declare(name: string, help: string, type: string): string {
  return `# HELP fastdeploy:${name} ${help}\n# TYPE fastdeploy:${name} ${type}\n`;
}

function ratio(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole;
}
