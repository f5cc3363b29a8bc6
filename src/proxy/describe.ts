/** Reads the bounded body once and says what the scheduler needs to know of it. Called by handle.ts. */
import { RouterError } from "../errors.ts";
import type { PromptUse, SchedulingRequest } from "../scheduler/assignment.ts";
import { readBodyFields, type RequestIdField } from "./body-fields.ts";
import type { ProxyContext } from "./context.ts";
import type { Downstream } from "./downstream.ts";
import { estimatePromptTokens } from "./prompt-size.ts";

/** Of which the log lines of a request are made. */
export interface BodyTags {
  readonly reqId: string | null;
  readonly sessionId: string | null;
}

export interface Description {
  /** As the client sent it; forwarded byte for byte. */
  readonly body: Uint8Array;
  readonly scheduling: SchedulingRequest;
  readonly requestId: RequestIdField;
  readonly tags: BodyTags;
  readonly hasPrompt: boolean;
}

/** Throws RouterError `invalid_json` for what is no JSON object, and what `readBody` throws. */
export async function describe(client: Downstream, proxy: ProxyContext): Promise<Description> {
  const body = await client.readBody(proxy.limits.maxBodyBytes);
  const result = readBodyFields(body);
  if (!result.ok) throw new RouterError("invalid_json", result.problem);
  const { model, stream, sessionId, reqId, requestId, hasPrompt } = result.fields;
  const use = promptUseOf(proxy);
  const kind = client.path === "/v1/completions" ? "completions" : "chat";
  const prompt = use === "nothing" ? null : await proxy.prompts.read(body, kind, use);
  const promptTokens = estimatePromptTokens(body);
  const { explain } = proxy;
  const scheduling = {
    role: "mixed",
    model,
    stream,
    sessionId,
    promptTokens,
    ...prompt,
    ...(explain !== null && { explain }),
  } as const;
  return { body, requestId, tags: { reqId, sessionId }, hasPrompt, scheduling };
}

/** A pair is chosen by two policies, from one description. */
function promptUseOf({ splitwise, dispatcher }: ProxyContext): PromptUse {
  if (!splitwise) return dispatcher.promptUse("mixed");
  const [prefill, decode] = [dispatcher.promptUse("prefill"), dispatcher.promptUse("decode")];
  return decode === "prefixes" ? decode : prefill;
}
