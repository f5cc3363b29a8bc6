/**
 * Every error that the router itself can answer with, once. `respond.ts` turns one into a response, `docs/errors.md` lists them.
 * Texts begin as the Go router's do, since that is what people search for.
 */

/** Whose it is to mend. */
export type ErrorSource = "client" | "upstream" | "router";

interface ErrorDefinition {
  readonly status: number;
  readonly source: ErrorSource;
  /** `error.type` of OpenAI's error object. */
  readonly type: "invalid_request_error" | "not_found_error" | "overloaded_error" | "server_error" | "timeout_error";
  /** Worth trying again after a pause: answered with `Retry-After`. */
  readonly retryAfter: boolean;
  /** Leading text; a detail follows after `: `. */
  readonly text: string;
}

const define = <T extends Record<string, ErrorDefinition>>(table: T): Readonly<T> => Object.freeze(table);

export const ERRORS = define({
  invalid_body: err(400, "client", "invalid_request_error", "Invalid request body"),
  invalid_json: err(400, "client", "invalid_request_error", "Invalid JSON format"),
  invalid_request: err(400, "client", "invalid_request_error", "Invalid request"),
  unknown_path: err(404, "client", "not_found_error", "404 page not found"),
  unknown_model: err(404, "client", "not_found_error", "No instance serves the model"),
  method_not_allowed: err(405, "client", "invalid_request_error", "Method not allowed"),
  body_timeout: err(408, "client", "timeout_error", "Request body came too slowly"),
  body_too_large: err(413, "client", "invalid_request_error", "Request body too large"),
  headers_too_large: err(431, "client", "invalid_request_error", "Request header fields too large"),
  uri_too_long: err(414, "client", "invalid_request_error", "Request target too long"),
  saturated: retryLater(err(429, "router", "overloaded_error", "All instances are at their limit")),
  client_closed: err(499, "client", "invalid_request_error", "Client closed the request"),
  internal: err(500, "router", "server_error", "Internal server error"),
  upstream_failed: err(502, "upstream", "server_error", "Failed to connect to backend service"),
  upstream_invalid: err(502, "upstream", "server_error", "Invalid answer from backend service"),
  no_instance: retryLater(err(503, "router", "overloaded_error", "Failed to select worker")),
  no_pair: retryLater(err(503, "router", "overloaded_error", "No available prefill/decode workers")),
  draining: retryLater(err(503, "router", "overloaded_error", "Router is shutting down")),
  control_unavailable: retryLater(err(503, "router", "server_error", "Control plane did not answer")),
  upstream_timeout: err(504, "upstream", "timeout_error", "Backend service did not answer in time"),
});

export type ErrorCode = keyof typeof ERRORS;

/** The one kind of error that is thrown on purpose. */
export class RouterError extends Error {
  readonly code: ErrorCode;

  /** `detail` names the value and the wanted state; it must not hold prompts or upstream addresses meant to stay private. */
  constructor(code: ErrorCode, detail = "", cause?: unknown) {
    super(detail === "" ? ERRORS[code].text : `${ERRORS[code].text}: ${detail}`, { cause });
    this.name = "RouterError";
    this.code = code;
  }
}

function err(status: number, source: ErrorSource, type: ErrorDefinition["type"], text: string): ErrorDefinition {
  return Object.freeze({ status, source, type, text, retryAfter: false });
}

function retryLater(definition: ErrorDefinition): ErrorDefinition {
  return Object.freeze({ ...definition, retryAfter: true });
}
