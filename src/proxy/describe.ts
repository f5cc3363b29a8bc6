/** Says what the scheduler, and the log, need to know of a body. Called by handle.ts. */
import { RouterError } from "../errors.ts";
import type { SchedulingRequest } from "../scheduler/assignment.ts";
import { readBodyFields, type RequestIdField } from "./body-fields.ts";
import { estimatePromptTokens } from "./prompt-size.ts";

/** Of which the log lines of a request are made. */
export interface BodyTags {
  readonly reqId: string | null;
  readonly sessionId: string | null;
}

export interface Description {
  readonly scheduling: SchedulingRequest;
  readonly requestId: RequestIdField;
  readonly tags: BodyTags;
  readonly hasPrompt: boolean;
}

/** Throws RouterError `invalid_json` for what is no JSON object. */
export function describe(body: Buffer): Description {
  const result = readBodyFields(body);
  if (!result.ok) throw new RouterError("invalid_json", result.problem);
  const { model, stream, sessionId, reqId, requestId, hasPrompt } = result.fields;
  const scheduling = { role: "mixed", model, stream, sessionId, promptTokens: estimatePromptTokens(body) } as const;
  return { requestId, tags: { reqId, sessionId }, hasPrompt, scheduling };
}
