/** Turns an error into a response, in the form that its caller understands. Nothing else does. */
import { ERRORS, type ErrorCode, type RouterError } from "../errors.ts";
import type { HeaderList } from "../upstream/response-head.ts";
import type { Downstream } from "./downstream.ts";
import { allowedMethod } from "./routes.ts";

/**
 * Answers with `error`; the client must not have been answered yet. `random` spreads Retry-After over 1 to 5 s,
 * `routerHeaders` name the instances that were chosen, if any.
 */
export function respondError(
  client: Downstream,
  error: RouterError,
  random: () => number,
  routerHeaders: HeaderList = [],
): void {
  const { status, retryAfter } = ERRORS[error.code];
  const plain = error.code === "unknown_path" && !client.path.startsWith("/v1/");
  const headers: HeaderList = [
    ["content-type", plain ? "text/plain" : "application/json"],
    ["x-router-reason", error.code],
    ...routerHeaders,
  ];
  if (retryAfter) headers.push(["retry-after", String(1 + Math.floor(random() * 5))]);
  if (status === 405) headers.push(["allow", allowedMethod(client.path) ?? "POST"]);
  if (LEAVES_BODY_UNREAD.has(error.code)) headers.push(["connection", "close"]);
  client.head(status, headers);
  client.write(Buffer.from(plain ? error.message : errorBody(client.path, error)));
  client.end();
}

/** Sends the client to the path without its last slash, as the Go router does. */
export function redirect(client: Downstream, path: string): void {
  const target = client.query === "" ? path : `${path}?${client.query}`;
  const isGet = client.method === "GET";
  client.head(isGet ? 301 : 307, [["location", target], ...(isGet ? [HTML_TYPE] : [])]);
  // The path is one of ours: nothing in it needs escaping. The query is left out.
  if (isGet) client.write(Buffer.from(`<a href="${path}">Moved Permanently</a>.\n\n`));
  client.end();
}

const HTML_TYPE: [string, string] = ["content-type", "text/html; charset=utf-8"];

/** What follows on the connection is no request. */
const LEAVES_BODY_UNREAD: ReadonlySet<ErrorCode> = new Set([
  "invalid_request",
  "headers_too_large",
  "invalid_body",
  "body_timeout",
  "body_too_large",
]);

/** OpenAI's error object on `/v1/*`, the Go router's `{code,msg}` elsewhere. */
function errorBody(path: string, error: RouterError): string {
  const { status, type } = ERRORS[error.code];
  if (!path.startsWith("/v1/")) return JSON.stringify({ code: status, msg: error.message });
  return JSON.stringify(openAiError(error.code, error.message, type));
}

/** The last event of a stream that broke: an error as FastDeploy and vLLM send it. No `[DONE]` follows. */
export function errorEvent(code: ErrorCode, message: string): Buffer {
  return Buffer.from(`data: ${JSON.stringify(openAiError(code, message, ERRORS[code].type))}\n\n`);
}

function openAiError(code: ErrorCode, message: string, type: string): object {
  return { error: { message, type, param: null, code } };
}
