/** Asks all that stands between a failed attempt and another one: the rule (retry.ts), whether the instance lives, the budget. */
import type { UpstreamFailure } from "../upstream/failure.ts";
import type { ProxyContext } from "./context.ts";
import type { Downstream } from "./downstream.ts";
import { originOf } from "./forward.ts";
import type { RequestRecord } from "./record.ts";
import { decideRetry } from "./retry.ts";

/** `record.instance` is the one that failed; the client knows nothing of it yet. */
export async function mayTryAgain(
  failure: UpstreamFailure,
  client: Downstream,
  proxy: ProxyContext,
  record: RequestRecord,
): Promise<boolean> {
  let decision = decideRetry(failure, proxy.limits.retries + 1 - record.attempts);
  if (decision === "ask-whether-alive" && record.instance !== null) {
    decision = (await proxy.upstream.isListening(originOf(record.instance))) ? "give-up" : "retry";
  }
  if (decision !== "retry" || client.gone || !proxy.retryBudget.take(proxy.now())) return false;
  proxy.recorder.retried();
  return true;
}
