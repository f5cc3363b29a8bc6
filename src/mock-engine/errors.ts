/** The real server's error answers (status and body), as a router meets them. Note how many are 500 that are the client's doing. */

export interface ApiError {
  readonly status: number;
  readonly body: string;
  /** `error.message`, for the frame of a stream that has begun. */
  readonly message: string;
}

interface ErrorFields {
  readonly type: string;
  readonly param?: string;
  readonly code?: string;
}

export function apiError(status: number, message: string, fields: ErrorFields): ApiError {
  const { type, param = null, code = null } = fields;
  return { status, message, body: JSON.stringify({ error: { message, type, param, code } }) };
}

/** Refused by FastAPI's schema, before the handler: the only 400. */
export function schemaError(message: string, param: string): ApiError {
  const code = param === "messages" ? "missing_required_parameter" : "invalid_value";
  return apiError(400, message, { type: "invalid_request_error", param, code });
}

export function promptTooLong(promptTokens: number, minTokens: number, maxModelLen: number): ApiError {
  const message = `Input text is too long, input_ids_len (${promptTokens}) + min_tokens(${minTokens}) >= max_model_len(${maxModelLen})`;
  return apiError(500, message, { type: "invalid_request_error", code: "context_length_exceeded" });
}

export function badMaxTokens(maxTokens: number, maxModelLen: number): ApiError {
  const message = `max_tokens can be defined [1, ${maxModelLen}), but now it's ${maxTokens}.`;
  return apiError(500, message, { type: "invalid_request_error", code: "invalid_value" });
}

export function unsupportedModel(model: string, served: string): ApiError {
  const message = `Unsupported model: [${model}], support [${served}] or default`;
  return apiError(500, message, { type: "invalid_request_error", code: "model_not_support" });
}

export function tooManyRequests(maxConcurrency: number): ApiError {
  const message = `Too many requests,current max concurrency is ${maxConcurrency}`;
  return { status: 429, message, body: JSON.stringify({ detail: message }) };
}

export const UNAUTHORIZED: ApiError = { status: 401, message: "Unauthorized", body: `{"error":"Unauthorized"}` };

export const PAUSED_NEW = apiError(500, "Request is aborted since LLM Engine is paused.", { type: "internal_error" });
export const PAUSED_RUNNING = apiError(500, "Request is aborted since engine is paused.", { type: "internal_error" });

export function internalError(message: string): ApiError {
  return apiError(500, message, { type: "internal_error" });
}

export function notEnoughBlocks(id: string): ApiError {
  return internalError(`${id} decode not enough blocks, need to be rescheduled.`);
}

/** The frame that a stream carries instead when its head has gone out. */
export function errorFrame(id: string, message: string, code: string | null): string {
  const error = {
    message: `request[${id}] generate stream error: ${message}`,
    type: "internal_error",
    param: null,
    code,
  };
  return `data: ${JSON.stringify({ error })}\n\n`;
}
