/** `fd_metrics_score`: `running + waiting * waiting-weight` from the router's own counts, where nothing waits. */
import type { PolicyDefinition } from "../policy.ts";
import { leastOfAll } from "../selectors.ts";
import { requestCount } from "../signals.ts";

export const fdMetricsScore = {
  name: "fd_metrics_score",
  summary:
    "The lowest running + waiting × waiting-weight by the router's own counts, which makes it equal to request_num.",
  create: () => ({ pick: (candidates, _request, now) => leastOfAll(candidates, requestCount, now) }),
} as const satisfies PolicyDefinition;
