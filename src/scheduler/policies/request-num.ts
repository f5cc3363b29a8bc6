/** `request_num`: fewest requests in flight. */
import type { PolicyDefinition } from "../policy.ts";
import { leastOfAll } from "../selectors.ts";
import { requestCount } from "../signals.ts";

export const requestNum = {
  name: "request_num",
  summary: "The instance with the fewest requests in flight; the first in order of URL among equals.",
  create: () => ({ pick: (candidates, _request, now) => leastOfAll(candidates, requestCount, now) }),
} as const satisfies PolicyDefinition;
