/** The id under which the two engines of a pair meet: the client's own, or a fresh one. */
import { RouterError } from "../../errors.ts";
import type { RequestIdField } from "../body-fields.ts";

export interface RequestId {
  readonly value: string;
  /** JSON text to splice into the body; null when the body has it already. */
  readonly field: string | null;
}

/** Throws RouterError `invalid_request` for an id that is neither text nor number. */
export function requestIdOf(field: RequestIdField): RequestId {
  switch (field.kind) {
    case "text":
      return { value: field.value, field: null };
    case "number":
      return { value: field.value, field: `"request_id":${JSON.stringify(field.value)}` };
    case "absent": {
      const value = crypto.randomUUID();
      return { value, field: `"request_id":"${value}"` };
    }
    case "invalid":
      throw new RouterError("invalid_request", "request_id is neither a string nor a number");
  }
}
