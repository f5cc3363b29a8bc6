/** Reads the bounded body once and says what the scheduler needs to know of it. Called by handle.ts. */
import { RouterError } from "../errors.ts";
import type { SchedulingRequest } from "../scheduler/assignment.ts";
import { readBodyFields, type RequestIdField } from "./body-fields.ts";
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
export async function describe(client: Downstream, maxBodyBytes: number): Promise<Description> {
  const body = await client.readBody(maxBodyBytes);
  const result = readBodyFields(body);
  if (!result.ok) throw new RouterError("invalid_json", result.problem);
  const { model, stream, sessionId, reqId, requestId, hasPrompt } = result.fields;
  const scheduling = { role: "mixed", model, stream, sessionId, promptTokens: estimatePromptTokens(body) } as const;
  return { body, requestId, tags: { reqId, sessionId }, hasPrompt, scheduling };
}
