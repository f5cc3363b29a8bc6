/** What a cache-aware policy decided, in the Go router's words; the rest of the line is RequestLines'. */
import type { CacheChoice, InstanceFigure } from "../scheduler/cache-choice.ts";

export function strategyText(choice: CacheChoice): string {
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
