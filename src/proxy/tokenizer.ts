/**
 * Asks the tokenizer service for the tokens of a prompt. prompt-reader.ts calls it, before anything is chosen
 * or counted, so that a slow service delays the request that needs it and no other one. Calls run side by side.
 */
import type { UpstreamClient } from "../upstream/client.ts";
import { describeFailure, type UpstreamFailure } from "../upstream/failure.ts";
import { hostField, type Origin } from "../upstream/origin.ts";

export type TokenizeResult =
  | { readonly ok: true; readonly tokens: readonly number[] }
  /** In the Go router's words. */
  | { readonly ok: false; readonly problem: string };

export interface Tokenizer {
  /** Never rejects. */
  tokenize(text: string): Promise<TokenizeResult>;
}

const MAX_ANSWER_BYTES = 64 * 1024 * 1024;
/** Of an error answer's body in the log. */
const MAX_QUOTED = 256;

type Reply =
  | { readonly kind: "answer"; readonly status: number; readonly body: string }
  | { readonly kind: "failed"; readonly failure: UpstreamFailure; readonly started: boolean }
  | { readonly kind: "timeout"; readonly started: boolean }
  | { readonly kind: "too-large" };

export class TokenizerService implements Tokenizer {
  readonly #upstream: UpstreamClient;
  readonly #timeoutMs: number;
  readonly #url: string;
  readonly #target: { readonly origin: Origin; readonly path: string } | null;

  /** `upstream` is for the tokenizer alone, since the fleet's client drops whoever is not in the fleet. */
  constructor(url: string, timeoutMs: number, upstream: UpstreamClient) {
    this.#upstream = upstream;
    this.#timeoutMs = timeoutMs;
    const parsed = tokenizerUrl(url);
    this.#url = parsed?.href ?? url;
    this.#target = parsed === null ? null : { origin: originOf(parsed), path: parsed.pathname + parsed.search };
  }

  async tokenize(text: string): Promise<TokenizeResult> {
    if (this.#target === null) {
      return failed(`build tokenizer request failed: "${this.#url}" is no URL, want http://host:port/path`);
    }
    const { origin, path } = this.#target;
    const body = Buffer.from(JSON.stringify({ text, prompt: text, message: text }));
    const head = `POST ${path} HTTP/1.1\r\nhost: ${hostField(origin)}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n`;
    const reply = await this.#ask({ origin, head, body });
    const request = `Post "${this.#url}"`;
    switch (reply.kind) {
      case "failed":
        return failed(`${doing(reply.started)}: ${request}: ${describeFailure(reply.failure)}`);
      case "timeout":
        return reply.started
          ? failed(
              `${doing(true)}: context deadline exceeded (Client.Timeout or context cancellation while reading body)`,
            )
          : failed(
              `${doing(false)}: ${request}: context deadline exceeded (Client.Timeout exceeded while awaiting headers)`,
            );
      case "too-large":
        return failed(`${doing(true)}: longer than ${MAX_ANSWER_BYTES} bytes`);
      case "answer":
        return readAnswer(reply.status, reply.body);
    }
  }

  async #ask(request: { readonly origin: Origin; readonly head: string; readonly body: Buffer }): Promise<Reply> {
    const { promise, resolve } = Promise.withResolvers<Reply>();
    const parts: Uint8Array[] = [];
    let bytes = 0;
    let status = 0;
    const exchange = this.#upstream.send(request, {
      onHead: (head) => {
        ({ status } = head);
      },
      onData: (part, start, end) => {
        bytes += end - start;
        if (bytes > MAX_ANSWER_BYTES) resolve({ kind: "too-large" });
        else parts.push(part.subarray(start, end));
      },
      onReadEnd: () => undefined,
      onEnd: () => resolve({ kind: "answer", status, body: Buffer.concat(parts).toString("utf8") }),
      onFailure: (failure) => resolve({ kind: "failed", failure, started: status > 0 }),
    });
    const timer = setTimeout(() => resolve({ kind: "timeout", started: status > 0 }), this.#timeoutMs);
    const reply = await promise;
    clearTimeout(timer);
    exchange.abort();
    return reply;
  }
}

/** Null for what is no address of a service. `http://` and the path `/tokenize` are the defaults. */
export function tokenizerUrl(text: string): URL | null {
  const url = URL.parse(/^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`);
  if (url === null || (url.protocol !== "http:" && url.protocol !== "https:")) return null;
  if (url.pathname === "/") url.pathname = "/tokenize";
  return url;
}

function originOf(url: URL): Origin {
  const tls = url.protocol === "https:";
  const host = url.hostname.startsWith("[") ? url.hostname.slice(1, -1) : url.hostname;
  return { url: url.origin, host, port: Number(url.port) || (tls ? 443 : 80), tls };
}

function readAnswer(status: number, body: string): TokenizeResult {
  if (status >= 300) return failed(`tokenizer response status ${status}: ${body.slice(0, MAX_QUOTED)}`);
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch (error) {
    return unmarshalFailed(error instanceof Error ? error.message : "not JSON");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return unmarshalFailed("want an object");
  const tokens = "input_ids" in value ? value.input_ids : null;
  if (tokens === null) return failed(MISSING_TOKENS);
  if (!Array.isArray(tokens) || !tokens.every((token): token is number => Number.isInteger(token))) {
    return unmarshalFailed("input_ids is no list of whole numbers");
  }
  return tokens.length === 0 ? failed(MISSING_TOKENS) : { ok: true, tokens };
}

const MISSING_TOKENS = "parse tokenizer response failed: tokenizer response missing tokens";

function unmarshalFailed(detail: string): TokenizeResult {
  return failed(`parse tokenizer response failed: tokenizer response unmarshal failed: ${detail}`);
}

function doing(started: boolean): string {
  return started ? "read tokenizer response failed" : "tokenizer request failed";
}

function failed(problem: string): TokenizeResult {
  return { ok: false, problem };
}
