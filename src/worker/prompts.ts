/** Makes what reads prompts for the policies, by the options of the moment; the connections to a tokenizer outlive a reload. Used by service.ts. */
import { PromptReader } from "../proxy/prompt-reader.ts";
import { TokenizerService } from "../proxy/tokenizer.ts";
import type { SchedulerOptions } from "../scheduler/options.ts";
import { UpstreamClient } from "../upstream/client.ts";

/** Apart from the fleet's client, which drops whoever is not in the fleet. A call has one time limit, which tokenizer.ts keeps. */
const TOKENIZER_CLIENT = {
  connectTimeoutMs: 0,
  firstByteTimeoutMs: 0,
  idleTimeoutMs: 0,
  totalTimeoutMs: 0,
  maxIdleConnections: 64,
  keepAliveMs: 4000,
};

export class Prompts {
  readonly #seed: number;
  readonly #warn: (message: string) => void;
  readonly #upstream = new UpstreamClient(TOKENIZER_CLIENT);

  constructor(seed: number, warn: (message: string) => void) {
    this.#seed = seed;
    this.#warn = warn;
  }

  reader(options: SchedulerOptions): PromptReader {
    const url = options["tokenizer-url"];
    const timeoutMs = options["tokenizer-timeout-secs"] * 1000;
    return new PromptReader({
      blockSize: options["cache-block-size"],
      seed: this.#seed,
      tokenizer: url === "" ? null : new TokenizerService(url, timeoutMs, this.#upstream),
      warn: this.#warn,
    });
  }

  close(): void {
    this.#upstream.close();
  }
}
