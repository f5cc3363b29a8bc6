/** Reads the bounded body once and says what the scheduler needs to know of it. Called by handle.ts. */
import { RouterError } from "../errors.ts";
import type { SchedulingRequest } from "../scheduler/assignment.ts";
import { readBodyFields, type RequestIdField } from "./body-fields.ts";
import type { Downstream } from "./downstream.ts";
import { estimatePromptTokens } from "./prompt-size.ts";

export interface Description {
  /** As the client sent it; forwarded byte for byte. */
  readonly body: Uint8Array;
  readonly scheduling: SchedulingRequest;
  readonly requestId: RequestIdField;
}

/** Throws RouterError `invalid_json` for what is no JSON object, and what `readBody` throws. */
export async function describe(client: Downstream, maxBodyBytes: number): Promise<Description> {
  const body = await client.readBody(maxBodyBytes);
  const result = readBodyFields(body);
  if (!result.ok) throw new RouterError("invalid_json", result.problem);
  const { model, stream, sessionId, requestId } = result.fields;
  return {
    body,
    requestId,
    scheduling: { role: "mixed", model, stream, sessionId, promptTokens: estimatePromptTokens(body) },
  };
}
