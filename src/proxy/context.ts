/** What all requests of a worker thread share. Built by worker/service.ts. */
import type { Dispatcher } from "../scheduler/assignment.ts";
import type { RequestLines } from "../log/request-lines.ts";
import type { UpstreamClient } from "../upstream/client.ts";
import type { Downstream } from "./downstream.ts";
import type { PromptReader } from "./prompt-reader.ts";
import type { Recorder } from "./record.ts";
import type { RetryBudget } from "./retry.ts";
import type { Route } from "./routes.ts";

export interface ProxyContext {
  readonly dispatcher: Dispatcher;
  readonly upstream: UpstreamClient;
  readonly recorder: Recorder;
  readonly prompts: PromptReader;
  readonly retryBudget: RetryBudget;
  readonly limits: ProxyLimits;
  /** Prefill and decode run on separate instances. */
  readonly splitwise: boolean;
  /** Milliseconds on a monotonic clock. */
  readonly now: () => number;
  readonly random: () => number;
  /** Makes the log of one request; null when its lines are not wanted. */
  readonly requestLines?: () => RequestLines | null;
  /** Answers the routes that no instance serves. Rejects with RouterError. */
  readonly answerLocally: (client: Downstream, route: Route) => Promise<void>;
}

export interface ProxyLimits {
  readonly maxBodyBytes: number;
  /** Further attempts of one request on other instances. */
  readonly retries: number;
  /** How long a client may take no byte of its answer before it is given up; 0 is off. */
  readonly writeTimeoutMs: number;
}
