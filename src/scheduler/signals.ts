/** How loaded is a candidate? One half of a policy; the other is in selectors.ts. Lower is better. */
import type { Candidate } from "./policy.ts";

/** Prompt tokens whose prefill weighs as much as one request that decodes. */
export const TOKENS_PER_REQUEST = 512;

export type Signal = (candidate: Candidate, now: number) => number;

/** Requests, pending prefill, foreign traffic, failures and warm-up in one figure (load.ts). */
export const mixedLoad: Signal = (candidate, now) => candidate.load(now);

export const requestCount: Signal = (candidate) => candidate.requestCount;

/** Far below one token, so that the request count only decides between equal token counts. */
const TIE_BREAK_TOKENS = 1e-6;

/** Prompt tokens in flight. Equal ones (empty prompts, decode instances) fall back to request counts. */
export const promptTokens: Signal = (candidate) => candidate.promptTokens + candidate.requestCount * TIE_BREAK_TOKENS;

/** Engine-reported score; without a fresh report the routers' own count, as if nothing waited. */
export function reportedScore(waitingWeight: number): Signal {
  return (candidate, now) => candidate.reportedScore(waitingWeight, now) ?? candidate.requestCount;
}
