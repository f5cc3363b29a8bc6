/** One try of a request on one pair: send to both, relay, settle both. Called by infer-by-pair.ts. */
import type { Instance } from "../../fleet/instance.ts";
import type { Assignment, Outcome } from "../../scheduler/assignment.ts";
import type { UpstreamFailure } from "../../upstream/failure.ts";
import type { HeaderList } from "../../upstream/response-head.ts";
import { INSTANCE_HEADER } from "../attempt.ts";
import type { ProxyContext } from "../context.ts";
import type { Downstream } from "../downstream.ts";
import { judge } from "../outcome.ts";
import type { RequestRecord } from "../record.ts";
import { relay, type RelayResult } from "../relay.ts";
import { PairExchange, type PrefillWatch } from "./pair-exchange.ts";

export interface PairAttempt {
  readonly prefill: Assignment;
  readonly decode: Assignment;
  /** With `disaggregate_info` and `request_id`. */
  readonly body: Uint8Array;
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
  const prefill = new PrefillLeg(tried.prefill, proxy);
  const exchange = new PairExchange(prefill);
  let decodeOutcome: Outcome = { kind: "abandoned" };
  try {
    const sent = await exchange.send(proxy.upstream, client, { ...instances, path: client.path, body });
    const leg = sent.kind === "client-gone" ? "decode" : sent.leg;
    record.instance = instances[leg];
    if (sent.kind === "answered") record.status = sent.answer.head.status;
    const result =
      sent.kind === "answered" ? await relay(sent.answer, client, { assignment: tried[leg], record, proxy }) : sent;
    const outcome = outcomeOf(result, record.status);
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
  }
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

/** The count on the prefill instance: given back when the prompt is computed, and once. */
class PrefillLeg implements PrefillWatch {
  readonly #assignment: Assignment;
  readonly #now: () => number;
  #settled = false;

  constructor(assignment: Assignment, { now }: ProxyContext) {
    this.#assignment = assignment;
    this.#now = now;
  }

  firstPart(): void {
    if (!this.#settled) this.#assignment.firstToken(this.#now());
    this.settle({ kind: "completed", usage: null });
  }

  ended(failure: UpstreamFailure | null): void {
    this.settle(failure === null ? { kind: "completed", usage: null } : { kind: "failed", reason: failure.kind });
  }

  settle(outcome: Outcome): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#assignment.settle(outcome, this.#now());
  }
}

/** The choice, for the client; also on an error answer, if there was a choice. */
function pairHeaders({ prefill, decode }: { readonly prefill: Instance; readonly decode: Instance }): HeaderList {
  return [
    ["x-router-prefill-url", prefill.id],
    ["x-router-decode-url", decode.id],
    [INSTANCE_HEADER, decode.id],
  ];
}
