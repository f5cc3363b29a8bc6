/** What a cache-aware policy decided, in the Go router's words (spec/fd-router.md §6.6). The worker thread writes it to the log. */
import type { CacheChoice, InstanceFigure } from "../scheduler/cache-choice.ts";

export function cacheChoiceLine(choice: CacheChoice, now: Date): string {
  return `cache-aware prefill: final strategy: ${strategyOf(choice)}. ts_ms=${localTime(now)}`;
}

function strategyOf(choice: CacheChoice): string {
  switch (choice.kind) {
    case "scored":
      return `cache_aware_scoring, selected=${choice.selected}, loads=${goMap(choice.loads)}, hitRatios=${goMap(choice.hitPercents)}`;
    case "imbalanced":
      return `process_tokens, reason: load imbalanced, loads=${goMap(choice.loads)}`;
    case "no-prompt":
      return "process_tokens, reason: tokenize failed: empty prompt for tokenizer";
  }
}

function goMap(figures: readonly InstanceFigure[]): string {
  return `map[${figures.map(([id, figure]) => `${id}:${Math.trunc(figure)}`).join(" ")}]`;
}

/** `2026-03-30 18:25:49.123`, local. */
function localTime(now: Date): string {
  const shifted = new Date(now.getTime() - now.getTimezoneOffset() * 60_000);
  return shifted.toISOString().slice(0, 23).replace("T", " ");
}
