/** What reads prompts for the policies, and what tells the log of their choices, by the options of the moment. Used by service.ts. */
import type { LogOptions } from "../log/options.ts";
import type { ProxyContext } from "../proxy/context.ts";
import { PromptReader } from "../proxy/prompt-reader.ts";
import { TokenizerService } from "../proxy/tokenizer.ts";
import type { SchedulerOptions } from "../scheduler/options.ts";
import { UpstreamClient } from "../upstream/client.ts";
import { cacheChoiceLine } from "./cache-choice-line.ts";
import type { ThreadRecorder } from "./recorder.ts";

/** Of the connections to the tokenizer service. A call has one time limit, which tokenizer.ts keeps. */
const TOKENIZER_CLIENT = {
  connectTimeoutMs: 0,
  firstByteTimeoutMs: 0,
  idleTimeoutMs: 0,
  totalTimeoutMs: 0,
  maxIdleConnections: 64,
  keepAliveMs: 4000,
};

export class PromptParts {
  readonly #seed: number;
  readonly #recorder: ThreadRecorder;
  readonly #upstream = new UpstreamClient(TOKENIZER_CLIENT);

  constructor(seed: number, recorder: ThreadRecorder) {
    this.#seed = seed;
    this.#recorder = recorder;
  }

  parts(scheduler: SchedulerOptions, { format, level }: LogOptions): Pick<ProxyContext, "prompts" | "explain"> {
    const url = scheduler["tokenizer-url"];
    const timeoutMs = scheduler["tokenizer-timeout-secs"] * 1000;
    const prompts = new PromptReader({
      blockSize: scheduler["cache-block-size"],
      seed: this.#seed,
      tokenizer: url === "" ? null : new TokenizerService(url, timeoutMs, this.#upstream),
      warn: (message) => this.#recorder.log("warn", message),
    });
    // The lines are the Go program's; in the other formats nobody looks for them.
    const explains = format === "go" && (level === "info" || level === "debug");
    return {
      prompts,
      explain: explains ? (choice) => this.#recorder.log("info", cacheChoiceLine(choice, new Date())) : null,
    };
  }

  close(): void {
    this.#upstream.close();
  }
}
