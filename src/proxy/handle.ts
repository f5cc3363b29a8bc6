/**
 * The story of a request: describe, schedule, attempt (forward, relay, settle), perhaps on another instance. worker/thread.ts calls it
 * for every request. Whatever happens, metrics count once and one access line is written.
 */
import { ERRORS, RouterError } from "../errors.ts";
import type { InstanceId } from "../fleet/instance.ts";
import { releaseBytes } from "../lib/release-bytes.ts";
import type { UpstreamFailure } from "../upstream/failure.ts";
import { attempt } from "./attempt.ts";
import { checkRequest } from "./check-request.ts";
import type { ProxyContext } from "./context.ts";
import { describe } from "./describe.ts";
import type { Downstream } from "./downstream.ts";
import { withPrompt } from "./read-prompt.ts";
import { newRecord, type RequestRecord } from "./record.ts";
import { beginLines, countsOf, logError, nameRequest } from "./request-log.ts";
import { redirect, respondError } from "./respond.ts";
import { refusalError, upstreamError } from "./router-error.ts";
import { findRoute } from "./routes.ts";
import { inferByPair } from "./splitwise/infer-by-pair.ts";
import { mayTryAgain } from "./try-again.ts";

export async function handle(client: Downstream, proxy: ProxyContext): Promise<void> {
  const record = newRecord(client, proxy.now());
  try {
    checkRequest(client);
    const route = findRoute(client.method, client.path);
    record.endpoint = route.path;
    if (route.kind === "redirect") redirect(client, route.path);
    else if (route.kind === "inference") await (proxy.splitwise ? inferByPair : infer)(client, proxy, record);
    else await proxy.answerLocally(client, route);
  } catch (error) {
    const known = error instanceof RouterError ? error : new RouterError("internal", "", error);
    record.error = known.code;
    if (record.lines !== null) logError(record.lines, known);
    if (!client.started && !client.gone) respondError(client, known, proxy.random, record.routerHeaders);
    if (known.code === "internal") proxy.recorder.crashed(error);
  } finally {
    record.status = client.sentStatus > 0 ? client.sentStatus : ERRORS.client_closed.status;
    proxy.recorder.finish(record, proxy.now());
  }
}

async function infer(client: Downstream, proxy: ProxyContext, record: RequestRecord): Promise<void> {
  beginLines(client, proxy, record);
  // The requests of a turn take each step together: the same code for one after the other is in the processor's caches.
  const body = await client.readBody(proxy.limits.maxBodyBytes);
  const { tags, hasPrompt, scheduling: described } = describe(body);
  nameRequest(record, tags, null);
  record.bodyAt = proxy.now();
  record.hasPrompt = hasPrompt;
  record.requestBytes = body.length;
  record.stream = described.stream;
  const prompted = withPrompt({ body, scheduling: described }, proxy, record);
  // Without a policy that reads prompts there is nothing to wait for.
  const scheduling = prompted instanceof Promise ? await prompted : prompted;
  proxy.retryBudget.deposit();
  let excluded = NOBODY;
  let failure: UpstreamFailure | null = null;
  for (;;) {
    const assigned = proxy.dispatcher.assign(scheduling, excluded, proxy.now());
    if (!assigned.ok) throw failure === null ? refusalError(assigned.refusal) : upstreamError(failure);
    const { assignment } = assigned;
    await TOGETHER;
    record.lines?.selected("mixed", countsOf(assignment));
    failure = await attempt(client, proxy, { assignment, body, record });
    if (failure === null) {
      releaseBytes(body);
      return;
    }
    if (!(await mayTryAgain(failure, client, proxy, record))) throw upstreamError(failure);
    excluded = new Set([...excluded, assignment.instance.id]);
  }
}

/** Once all requests of the turn have their instance, they are sent: 2 to 3 percent of a small request. */
const TOGETHER = Promise.resolve();
const NOBODY: ReadonlySet<InstanceId> = new Set();
