/** One try of a request on one instance: forward, relay, settle. Called by handle.ts for every assignment. */
import type { Assignment, Outcome } from "../scheduler/assignment.ts";
import type { UpstreamFailure } from "../upstream/failure.ts";
import type { ProxyContext } from "./context.ts";
import type { Downstream } from "./downstream.ts";
import { forward } from "./forward.ts";
import { judge } from "./outcome.ts";
import type { RequestRecord } from "./record.ts";
import { goFailureText, logRelease } from "./request-log.ts";
import { relay } from "./relay.ts";
import { instanceHeaders } from "./router-headers.ts";

export interface Attempt {
  readonly assignment: Assignment;
  readonly body: Buffer;
  readonly record: RequestRecord;
}

/** Null when the client has its answer, or has left; else the failure, of which the client knows nothing yet. */
export async function attempt(
  client: Downstream,
  proxy: ProxyContext,
  tried: Attempt,
): Promise<UpstreamFailure | null> {
  const { assignment, body, record } = tried;
  const { instance } = assignment;
  let outcome: Outcome = { kind: "abandoned" };
  record.instance = instance;
  record.routerHeaders = instanceHeaders(instance);
  record.attempts++;
  record.responseBytes = 0;
  try {
    record.forwardedAt = proxy.now();
    const result = await relay(client, { assignment, record, proxy }, (listener) => {
      const forwarding = { instance, path: record.endpoint, body };
      listener.exchange = forward(proxy.upstream, client, forwarding, listener);
    });
    switch (result.kind) {
      case "complete":
        outcome = judge(record.status, result.tail);
        record.lines?.completed(record.status);
        return null;
      case "client-gone":
        record.error = "client_gone";
        record.lines?.cut(record.stream, "context canceled");
        return null;
      case "failed":
        outcome = { kind: "failed", reason: result.failure.kind };
        proxy.recorder.upstreamFailed(instance.id, result.failure.kind);
        if (!client.started) {
          const attempts = [record.attempts, proxy.limits.retries + 1] as const;
          record.lines?.attemptFailed(`${instance.id}${record.endpoint}`, goFailureText(result.failure), attempts);
          return result.failure;
        }
        record.error = "upstream_cut";
        record.lines?.cut(record.stream, goFailureText(result.failure));
        return null;
    }
  } finally {
    assignment.settle(outcome, proxy.now());
    logRelease(record, assignment);
  }
}
