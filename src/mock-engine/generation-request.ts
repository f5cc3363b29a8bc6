/**
 * The body of a chat or text completion, parsed once into what the mock needs; unknown fields are ignored as the real server does.
 * Refusals are answers (errors.ts), not exceptions.
 */
import type { ApiError } from "./errors.ts";
import { badMaxTokens, promptTooLong, schemaError, unsupportedModel } from "./errors.ts";
import { asFields, parseFields, type Fields } from "./json.ts";
import { chainOfTokenIds, EMPTY_CHAIN, extendChain, type TokenChain } from "./tokens.ts";

export type Api = "chat" | "completions";

export interface Prompt {
  /** What the output is derived from. Token ids are joined with commas. */
  readonly text: string;
  readonly chain: TokenChain;
  /** Text prompts can be continued in the prefix cache; token ids cannot. */
  readonly continuable: boolean;
}

export interface GenerationRequest {
  readonly api: Api;
  readonly id: string;
  readonly model: string;
  readonly prompts: readonly Prompt[];
  /** Choices for each prompt. */
  readonly n: number;
  /** Null: up to the model's length. */
  readonly maxTokens: number | null;
  readonly minTokens: number;
  readonly ignoreEos: boolean;
  readonly stream: boolean;
  readonly includeUsage: boolean;
  readonly continuousUsage: boolean;
  readonly tokensPerChunk: number;
  readonly echo: boolean;
  readonly returnTokenIds: boolean;
  /** Generated elsewhere before a PD pre-emption: computed with the prompt, and generation goes on behind them. */
  readonly generatedBefore: number;
  /** PD: what the router added; null when absent. */
  readonly disaggregateInfo: Readonly<Record<string, unknown>> | null;
}

export interface RequestLimits {
  readonly maxModelLen: number;
  /** Null: every model name is accepted. */
  readonly servedModelName: string | null;
  /** What is meant by the name `default`. */
  readonly model: string;
}

export type ParsedRequest =
  { readonly ok: true; readonly request: GenerationRequest } | { readonly ok: false; readonly error: ApiError };

const MAX_SEED = Number("922337203685477580");

export function parseGenerationRequest(api: Api, body: Buffer, limits: RequestLimits): ParsedRequest {
  const fields = parseFields(body.toString());
  if (fields === null) return refuse(schemaError("JSON decode error", "body"));
  const prompts = api === "chat" ? chatPrompts(fields) : completionPrompts(fields);
  if (prompts === null) {
    const param = api === "chat" ? "messages" : "prompt";
    return refuse(schemaError(`Field required or malformed: ${param}`, param));
  }
  const stream = fields["stream"] === true;
  const streamOptions = asFields(fields["stream_options"]);
  if (streamOptions !== null && !stream) {
    return refuse(schemaError("Stream options can only be defined when `stream=True`.", "stream_options"));
  }
  const model = typeof fields["model"] === "string" ? fields["model"] : "default";
  const request: GenerationRequest = {
    api,
    id: requestId(api, fields),
    model: model === "default" ? limits.model : model,
    prompts,
    n: Math.max(1, wholeNumber(fields["n"]) ?? 1),
    maxTokens: wholeNumber(fields["max_completion_tokens"]) ?? wholeNumber(fields["max_tokens"]),
    minTokens: Math.max(1, wholeNumber(fields["min_tokens"]) ?? 1),
    ignoreEos: fields["ignore_eos"] === true,
    stream,
    includeUsage: streamOptions?.["include_usage"] === true,
    continuousUsage: streamOptions?.["continuous_usage_stats"] === true,
    tokensPerChunk: Math.max(1, wholeNumber(fields["max_streaming_response_tokens"]) ?? 1),
    echo: fields["echo"] === true,
    returnTokenIds: fields["return_token_ids"] === true,
    generatedBefore: isTokenIds(fields["completion_token_ids"]) ? fields["completion_token_ids"].length : 0,
    disaggregateInfo: asFields(fields["disaggregate_info"]),
  };
  const error = outOfRange(fields) ?? beyondLimits(request, model, limits);
  return error === null ? { ok: true, request } : refuse(error);
}

/** Text before the answer, as a chat template would build it: an answer sent back as a message continues its own prefix. */
export function renderChat(messages: readonly unknown[], tools: unknown): string | null {
  let text = tools === undefined || tools === null ? "" : `tools\n${JSON.stringify(tools)}\n`;
  for (const message of messages) {
    const fields = asFields(message);
    if (fields === null || typeof fields["role"] !== "string") return null;
    text += `${fields["role"]}\n${contentText(fields["content"])}\n`;
  }
  return `${text}assistant\n`;
}

function refuse(error: ApiError): ParsedRequest {
  return { ok: false, error };
}

function chatPrompts(fields: Fields): Prompt[] | null {
  const ids = fields["prompt_token_ids"];
  if (isTokenIds(ids) && ids.length > 0) return [idsPrompt(ids)];
  const messages: unknown = fields["messages"];
  if (!Array.isArray(messages) || messages.length === 0) return null;
  const text = renderChat(messages, fields["tools"]);
  return text === null ? null : [textPrompt(text)];
}

function completionPrompts(fields: Fields): Prompt[] | null {
  const prompt: unknown = fields["prompt"] ?? fields["prompt_token_ids"];
  if (typeof prompt === "string") return [textPrompt(prompt)];
  if (!Array.isArray(prompt) || prompt.length === 0) return null;
  const items: readonly unknown[] = prompt;
  if (isTokenIds(items)) return [idsPrompt(items)];
  const prompts: Prompt[] = [];
  for (const item of items) {
    if (typeof item === "string") prompts.push(textPrompt(item));
    else if (isTokenIds(item)) prompts.push(idsPrompt(item));
    else return null;
  }
  return prompts;
}

function textPrompt(text: string): Prompt {
  return { text, chain: extendChain(EMPTY_CHAIN, text), continuable: true };
}

function idsPrompt(ids: readonly number[]): Prompt {
  return { text: ids.join(","), chain: chainOfTokenIds(ids), continuable: false };
}

/** Parts that are not text (images) count by their JSON. */
function contentText(content: unknown): string {
  if (typeof content === "string") return content;
  if (content === null || content === undefined) return "";
  if (!Array.isArray(content)) return JSON.stringify(content);
  const parts: readonly unknown[] = content;
  return parts.map((part) => textPart(part) ?? JSON.stringify(part)).join("");
}

function textPart(part: unknown): string | null {
  const text = asFields(part)?.["text"];
  return typeof text === "string" ? text : null;
}

function requestId(api: Api, fields: Fields): string {
  const prefix = api === "chat" ? "chatcmpl" : "cmpl";
  const given = fields["request_id"];
  if (typeof given === "string" && given !== "") return given.startsWith(prefix) ? given : `${prefix}-${given}`;
  const user = fields["user"];
  if (typeof user === "string" && user !== "") return `${prefix}-${user}-${crypto.randomUUID()}`;
  return `${prefix}-${crypto.randomUUID()}`;
}

function outOfRange(fields: Fields): ApiError | null {
  const { temperature, top_p: topP, seed, n } = fields;
  if (typeof temperature === "number" && temperature < 0) return schemaError("temperature must be >= 0", "temperature");
  if (typeof topP === "number" && (topP < 0 || topP > 1)) return schemaError("top_p must be in [0, 1]", "top_p");
  if (typeof seed === "number" && (seed < 0 || seed > MAX_SEED)) {
    return schemaError("seed must be in [0, 922337203685477580]", "seed");
  }
  if (typeof n === "number" && (n < 1 || n > 128)) return schemaError("n must be in [1, 128]", "n");
  return null;
}

function beyondLimits(request: GenerationRequest, model: string, limits: RequestLimits): ApiError | null {
  const { servedModelName: served, maxModelLen } = limits;
  if (served !== null && model !== served && model !== "default") return unsupportedModel(model, served);
  for (const { chain } of request.prompts) {
    if (chain.tokens + request.minTokens >= maxModelLen) {
      return promptTooLong(chain.tokens, request.minTokens, maxModelLen);
    }
  }
  const { maxTokens } = request;
  if (maxTokens !== null && (maxTokens < 1 || maxTokens >= maxModelLen)) return badMaxTokens(maxTokens, maxModelLen);
  return null;
}

function wholeNumber(value: unknown): number | null {
  return typeof value === "number" && Number.isInteger(value) ? value : null;
}

function isTokenIds(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((item) => typeof item === "number");
}
