/** One try of a request on one pair: send to both, relay, settle both. Called by infer-by-pair.ts. */
import type { Instance } from "../../fleet/instance.ts";
import type { PrefillRelease } from "../../log/request-lines.ts";
import type { Assignment, Outcome } from "../../scheduler/assignment.ts";
import type { UpstreamFailure } from "../../upstream/failure.ts";
import type { ProxyContext } from "../context.ts";
import type { Downstream } from "../downstream.ts";
import { judge } from "../outcome.ts";
import type { RequestRecord } from "../record.ts";
import { countsOf, goFailureText, logRelease } from "../request-log.ts";
import { relay, type Relayed, type RelayResult } from "../relay.ts";
import { pairHeaders } from "../router-headers.ts";
import type { Answer } from "./pending-answer.ts";
import { type Leg, PairExchange, type PrefillWatch } from "./pair-exchange.ts";

export interface PairAttempt {
  readonly prefill: Assignment;
  readonly decode: Assignment;
  /** With `disaggregate_info` and `request_id`. */
  readonly body: Buffer;
  readonly record: RequestRecord;
}

/** Of which the client knows nothing yet. */
export interface PairFailure {
  readonly instance: Instance;
  readonly failure: UpstreamFailure;
}

/** Null when the client has its answer, or has left. */
export async function attemptPair(
  client: Downstream,
  proxy: ProxyContext,
  tried: PairAttempt,
): Promise<PairFailure | null> {
  const { record, body } = tried;
  const instances = { prefill: tried.prefill.instance, decode: tried.decode.instance };
  record.prefill = instances.prefill;
  record.routerHeaders = pairHeaders(instances);
  record.attempts++;
  record.forwardedAt = proxy.now();
  const prefill = new PrefillLeg(tried.prefill, record, proxy);
  const exchange = new PairExchange(prefill);
  let decodeOutcome: Outcome = { kind: "abandoned" };
  try {
    const sent = await exchange.send(proxy.upstream, client, { ...instances, path: record.endpoint, body });
    const leg = sent.kind === "client-gone" ? "decode" : sent.leg;
    record.instance = instances[leg];
    const result =
      sent.kind === "answered"
        ? await relayAnswer(sent.answer, client, { assignment: tried[leg], record, proxy })
        : sent;
    const outcome = outcomeOf(result, record.status);
    logResult(record, result, { client, leg, url: instances[leg].id });
    if (leg === "decode") decodeOutcome = outcome;
    // Prefill goes on only beside a decode that answered well: it may still be sending its last part.
    if (leg === "prefill") prefill.settle(outcome);
    else if (outcome.kind !== "completed") prefill.settle({ kind: "abandoned" });
    if (outcome.kind !== "completed") exchange.abort();
    if (result.kind === "client-gone") record.error = "client_gone";
    if (result.kind !== "failed") return null;
    proxy.recorder.upstreamFailed(instances[leg].id, result.failure.kind);
    if (!client.started) return { instance: instances[leg], failure: result.failure };
    record.error = "upstream_cut";
    return null;
  } finally {
    tried.decode.settle(decodeOutcome, proxy.now());
    record.lines?.released(countsOf(tried.decode), false);
  }
}

function relayAnswer(answer: Answer, client: Downstream, relayed: Relayed): Promise<RelayResult> {
  if (client.gone) answer.exchange.abort();
  return relay(client, relayed, (listener) => {
    listener.exchange = answer.exchange;
    listener.onHead(answer.head);
    answer.listen(listener);
  });
}

function outcomeOf(result: RelayResult, status: number): Outcome {
  switch (result.kind) {
    case "complete":
      return judge(status, result.tail);
    case "client-gone":
      return { kind: "abandoned" };
    case "failed":
      return { kind: "failed", reason: result.failure.kind };
  }
}

interface Told {
  readonly client: Downstream;
  readonly leg: Leg;
  readonly url: string;
}

/** How it went, in the words that log scripts know. */
function logResult(
  { lines, status, stream, endpoint }: RequestRecord,
  result: RelayResult,
  { client, leg, url }: Told,
): void {
  switch (result.kind) {
    case "complete":
      return lines?.completed(status);
    case "client-gone":
      return lines?.cut(stream, "context canceled");
    case "failed": {
      const problem = goFailureText(result.failure);
      if (client.started) return lines?.cut(stream, problem);
      const name = leg === "prefill" ? "Prefill" : "Decode";
      return lines?.error(`${name} request failed for ${url}: Post "${url}${endpoint}": ${problem}`);
    }
  }
}

/** The count on the prefill instance: given back when the prompt is computed, and once. */
class PrefillLeg implements PrefillWatch {
  readonly #assignment: Assignment;
  readonly #record: RequestRecord;
  readonly #now: () => number;
  #settled = false;

  constructor(assignment: Assignment, record: RequestRecord, { now }: ProxyContext) {
    this.#assignment = assignment;
    this.#record = record;
    this.#now = now;
  }

  firstPart(): void {
    if (!this.#settled) this.#assignment.firstToken(this.#now());
    this.settle({ kind: "completed", usage: null }, "first-part");
  }

  ended(failure: UpstreamFailure | null): void {
    if (failure === null) this.settle({ kind: "completed", usage: null }, this.#record.stream ? "fallback" : "ended");
    else this.settle({ kind: "failed", reason: failure.kind });
  }

  settle(outcome: Outcome, how: PrefillRelease = "failed"): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#assignment.settle(outcome, this.#now());
    logRelease(this.#record, this.#assignment);
    this.#record.lines?.prefillReleased(how, this.#assignment.instance.id);
  }
}
