/** Between describe.ts and the choice: adds to a request what the policies in use want to know of its prompt. */
import type { PromptUse, SchedulingRequest } from "../scheduler/assignment.ts";
import type { ProxyContext } from "./context.ts";
import type { RequestRecord } from "./record.ts";
import { strategyText } from "./strategy-text.ts";

export interface Prompted {
  readonly body: Buffer;
  readonly scheduling: SchedulingRequest;
}

/** Throws RouterError `invalid_json` where a policy reads the prompt and the body is broken inside. */
export function withPrompt(
  prompted: Prompted,
  proxy: ProxyContext,
  record: RequestRecord,
): SchedulingRequest | Promise<SchedulingRequest> {
  const use = promptUseOf(proxy);
  return use === "nothing" ? prompted.scheduling : read(prompted, { proxy, record, use });
}

async function read(
  { body, scheduling }: Prompted,
  {
    proxy,
    record,
    use,
  }: { readonly proxy: ProxyContext; readonly record: RequestRecord; readonly use: Exclude<PromptUse, "nothing"> },
): Promise<SchedulingRequest> {
  const { endpoint, lines } = record;
  const kind = endpoint === "/v1/completions" ? "completions" : "chat";
  const facts = await proxy.prompts.read(body, { kind, use, lines });
  if (facts.countedTokens !== undefined) record.hasPrompt = facts.countedTokens > 0;
  if (lines === null || !lines.wantsInfo) return { ...scheduling, ...facts };
  return { ...scheduling, ...facts, explain: (choice) => lines.strategy(strategyText(choice)) };
}

/** A pair is chosen by two policies, from one description. */
function promptUseOf({ splitwise, dispatcher }: ProxyContext): PromptUse {
  if (!splitwise) return dispatcher.promptUse("mixed");
  const [prefill, decode] = [dispatcher.promptUse("prefill"), dispatcher.promptUse("decode")];
  return decode === "prefixes" ? decode : prefill;
}
