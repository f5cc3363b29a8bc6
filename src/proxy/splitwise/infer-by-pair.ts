/**
 * The story of a request in splitwise mode (prefill/decode disaggregation): describe, choose a pair, splice, send to both, relay decode's
 * answer; perhaps once more on a new pair. Called by handle.ts in place of its own `infer`.
 */
import { RouterError } from "../../errors.ts";
import type { InstanceId } from "../../fleet/instance.ts";
import type { Assignment, AssignResult, Refusal, SchedulingRequest } from "../../scheduler/assignment.ts";
import type { ProxyContext } from "../context.ts";
import { describe } from "../describe.ts";
import type { Downstream } from "../downstream.ts";
import type { RequestRecord } from "../record.ts";
import { refusalError, upstreamError } from "../router-error.ts";
import { mayTryAgain } from "../try-again.ts";
import { attemptPair, type PairFailure } from "./attempt-pair.ts";
import { disaggregateInfo } from "./disaggregation.ts";
import { requestIdOf } from "./request-id.ts";
import { spliceFields } from "./splice.ts";

export async function inferByPair(client: Downstream, proxy: ProxyContext, record: RequestRecord): Promise<void> {
  const { body, scheduling, requestId } = await describe(client, proxy.limits.maxBodyBytes);
  record.bodyAt = proxy.now();
  record.requestBytes = body.length;
  record.stream = scheduling.stream;
  const id = requestIdOf(requestId);
  proxy.retryBudget.deposit();
  const excluded = new Set<InstanceId>();
  let failed: PairFailure | null = null;
  do {
    const pair = choosePair(proxy, scheduling, excluded);
    if (!pair.ok) throw failed === null ? pairRefusal(pair.refusal) : upstreamError(failed.failure);
    const { prefill, decode } = pair;
    const info = `"disaggregate_info":${disaggregateInfo(prefill.instance, decode.instance)}`;
    const spliced = spliceFields(body, id.field === null ? [info] : [info, id.field]);
    failed = await attemptPair(client, proxy, { prefill, decode, record, body: spliced });
    if (failed !== null) excluded.add(failed.instance.id);
  } while (failed !== null && (await mayTryAgain(failed.failure, client, proxy, record)));
  if (failed !== null) throw upstreamError(failed.failure);
}

type PairChoice =
  | { readonly ok: true; readonly prefill: Assignment; readonly decode: Assignment }
  | { readonly ok: false; readonly refusal: Refusal };

/** Prefill first, then decode, each by its own policy. Without a decode instance the prefill's count is given back. */
function choosePair(proxy: ProxyContext, scheduling: SchedulingRequest, excluded: ReadonlySet<InstanceId>): PairChoice {
  const choose = (role: "prefill" | "decode"): AssignResult =>
    proxy.dispatcher.assign({ ...scheduling, role }, excluded, proxy.now());
  const prefill = choose("prefill");
  if (!prefill.ok) return prefill;
  const decode = choose("decode");
  if (decode.ok) return { ok: true, prefill: prefill.assignment, decode: decode.assignment };
  prefill.assignment.settle({ kind: "abandoned" }, proxy.now());
  return decode;
}

function pairRefusal(refusal: Refusal): RouterError {
  return refusal.kind === "no-instance" ? new RouterError("no_pair") : refusalError(refusal);
}
