/**
 * The bytes of answers, down to the real server's quirks: null fields, the blank before the newline of a chat stream's first chunk,
 * `arrival_time`. Built from ready-made pieces, since a router is measured with them: nothing is serialised per token.
 */
import type { Api } from "./generation-request.ts";

export interface Usage {
  readonly promptTokens: number;
  readonly completionTokens: number;
  readonly cachedTokens: number;
}

/** What all chunks of one answer have in common. */
export interface AnswerHead {
  readonly api: Api;
  readonly id: string;
  readonly model: string;
  /** Epoch seconds. */
  readonly created: number;
}

export interface StreamFraming {
  /** All its text is ASCII, so that lengths are bytes. */
  readonly ascii: boolean;
  /** Comes right before a choice's first content chunk; empty for completions. */
  opening(choice: number): string;
  /** `finish` and `usage` are JSON; `usage` empty for none. */
  content(choice: number, text: string, end: ContentEnd): string;
  usage(usage: Usage): string;
}

export interface ContentEnd {
  readonly finish: string;
  readonly arrivalSecs: number;
  readonly usage: string;
}

export const DONE = "data: [DONE]\n\n";

export function streamFraming(head: AnswerHead): StreamFraming {
  const object = head.api === "chat" ? "chat.completion.chunk" : "text_completion";
  const start = `data: ${commonFields(head, object)},"choices":[`;
  const beforeText = head.api === "chat" ? `,"delta":{"content":"` : `,"text":"`;
  const afterText =
    head.api === "chat"
      ? `","reasoning_content":"","prompt_token_ids":null,"completion_token_ids":null,"tool_calls":null},"logprobs":null,"finish_reason":`
      : null;
  const role = `,"delta":{"role":"assistant","reasoning_content":"","tool_calls":null,"prompt_token_ids":null,"completion_token_ids":null,"content":""}}]} \n\n`;
  return {
    ascii: Buffer.byteLength(start) === start.length,
    opening: (choice) => (head.api === "chat" ? `${start}{"index":${choice}${role}` : ""),
    content: (choice, text, { finish, arrivalSecs, usage }) => {
      const close = usage === "" ? "}]}\n\n" : `}],"usage":${usage}}\n\n`;
      const opened = `${start}{"index":${choice}${beforeText}${text}`;
      if (afterText !== null) return `${opened}${afterText}${finish},"arrival_time":${arrivalSecs}${close}`;
      return `${opened}","arrival_time":${arrivalSecs},"logprobs":null,"prompt_token_ids":null,"completion_token_ids":null,"prompt_tokens":null,"completion_tokens":null,"draft_logprobs":null,"prompt_logprobs":null,"reasoning_content":null,"finish_reason":${finish},"tool_calls":null,"speculate_metrics":null${close}`;
    },
    usage: (usage) => `${start}],"usage":${streamUsageJson(usage)}}\n\n`,
  };
}

/** Usage as streams carry it. */
export function streamUsageJson(usage: Usage): string {
  return `{${tokenCounts(usage)},"prompt_tokens_details":{"cached_tokens":${usage.cachedTokens}},"completion_tokens_details":{"reasoning_tokens":0}}`;
}

export interface WholeChoice {
  readonly index: number;
  /** Without characters that JSON escapes, unless `JSON.stringify`ed before. */
  readonly textJson: string;
  readonly finish: string;
  /** JSON. */
  readonly tokenIds: string;
}

export function wholeAnswer(head: AnswerHead, choices: readonly WholeChoice[], usage: Usage): string {
  const chat = head.api === "chat";
  const list = choices.map(chat ? chatChoice : completionChoice).join(",");
  const usageJson = `{${tokenCounts(usage)},"prompt_tokens_details":{"cached_tokens":${usage.cachedTokens},"image_tokens":0,"video_tokens":0},"completion_tokens_details":{"reasoning_tokens":0,"image_tokens":0}}`;
  const start = commonFields(head, chat ? "chat.completion" : "text_completion");
  return `${start},"choices":[${list}],"usage":${usageJson}}`;
}

function chatChoice({ index, textJson, finish, tokenIds }: WholeChoice): string {
  return `{"index":${index},"message":{"role":"assistant","content":${textJson},"multimodal_content":null,"reasoning_content":"","audio_content":null,"tool_calls":null,"prompt_token_ids":null,"completion_token_ids":${tokenIds},"prompt_tokens":null,"completion_tokens":null},"logprobs":null,"draft_logprobs":null,"prompt_logprobs":null,"finish_reason":${finish},"speculate_metrics":null}`;
}

function completionChoice({ index, textJson, finish, tokenIds }: WholeChoice): string {
  return `{"index":${index},"text":${textJson},"prompt_token_ids":null,"completion_token_ids":${tokenIds},"prompt_tokens":null,"completion_tokens":null,"arrival_time":null,"logprobs":null,"draft_logprobs":null,"prompt_logprobs":null,"reasoning_content":null,"finish_reason":${finish},"tool_calls":null,"speculate_metrics":null}`;
}

function commonFields(head: AnswerHead, object: string): string {
  return `{"id":${JSON.stringify(head.id)},"object":"${object}","created":${head.created},"model":${JSON.stringify(head.model)}`;
}

function tokenCounts({ promptTokens, completionTokens }: Usage): string {
  return `"prompt_tokens":${promptTokens},"total_tokens":${promptTokens + completionTokens},"completion_tokens":${completionTokens}`;
}
