/** `process_tokens`: fewest prompt tokens in flight. */
import type { PolicyDefinition } from "../policy.ts";
import { leastOfAll } from "../selectors.ts";
import { promptTokens } from "../signals.ts";

export const processTokens = {
  name: "process_tokens",
  summary:
    "The instance with the fewest prompt tokens in flight; among equals the fewest requests, then the first in order of URL.",
  readsPrompt: "tokens",
  create: () => ({ pick: (candidates, _request, now) => leastOfAll(candidates, promptTokens, now) }),
} as const satisfies PolicyDefinition;
