/**
 * The story of a request in splitwise mode (prefill/decode disaggregation): describe, choose a pair, splice, send to both, relay decode's
 * answer; perhaps once more on a new pair. Called by handle.ts in place of its own `infer`.
 */
import { RouterError } from "../../errors.ts";
import type { InstanceId } from "../../fleet/instance.ts";
import type { Assignment, AssignResult, Refusal, SchedulingRequest } from "../../scheduler/assignment.ts";
import type { RequestLines } from "../../log/request-lines.ts";
import type { ProxyContext } from "../context.ts";
import { describe } from "../describe.ts";
import type { Downstream } from "../downstream.ts";
import { withPrompt } from "../read-prompt.ts";
import type { RequestRecord } from "../record.ts";
import { beginLines, countsOf, nameRequest } from "../request-log.ts";
import { refusalError, upstreamError } from "../router-error.ts";
import { mayTryAgain } from "../try-again.ts";
import { attemptPair, type PairFailure } from "./attempt-pair.ts";
import { disaggregateInfo } from "./disaggregation.ts";
import { requestIdOf } from "./request-id.ts";
import { spliceFields } from "./splice.ts";

export async function inferByPair(client: Downstream, proxy: ProxyContext, record: RequestRecord): Promise<void> {
  beginLines(client, proxy, record);
  const read = client.readBody(proxy.limits.maxBodyBytes);
  const body = read instanceof Promise ? await read : read;
  const { requestId, tags, hasPrompt, scheduling: described } = describe(body);
  record.bodyAt = proxy.now();
  record.hasPrompt = hasPrompt;
  record.requestBytes = body.length;
  record.stream = described.stream;
  const id = requestIdOf(requestId);
  nameRequest(record, tags, id.value);
  const scheduling = await withPrompt({ body, scheduling: described }, proxy, record);
  proxy.retryBudget.deposit();
  const excluded = new Set<InstanceId>();
  let failed: PairFailure | null = null;
  do {
    const pair = choosePair(proxy, { scheduling, excluded, lines: record.lines });
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

interface PairWish {
  readonly scheduling: SchedulingRequest;
  readonly excluded: ReadonlySet<InstanceId>;
  readonly lines: RequestLines | null;
}

/** Prefill first, then decode, each by its own policy. Without a decode instance the prefill's count is given back. */
function choosePair(proxy: ProxyContext, { scheduling, excluded, lines }: PairWish): PairChoice {
  const choose = (role: "prefill" | "decode"): AssignResult => {
    const result = proxy.dispatcher.assign({ ...scheduling, role }, excluded, proxy.now());
    if (result.ok) lines?.selected(role, countsOf(result.assignment));
    return result;
  };
  lines?.pairing("before SelectWorker prefill");
  const prefill = choose("prefill");
  if (!prefill.ok) return prefill;
  lines?.pairing("before SelectWorker decode, after prefill");
  const decode = choose("decode");
  if (decode.ok) {
    lines?.pairing("after SelectWorker decode, before return");
    return { ok: true, prefill: prefill.assignment, decode: decode.assignment };
  }
  prefill.assignment.settle({ kind: "abandoned" }, proxy.now());
  return decode;
}

function pairRefusal(refusal: Refusal): RouterError {
  return refusal.kind === "no-instance" ? new RouterError("no_pair") : refusalError(refusal);
}
