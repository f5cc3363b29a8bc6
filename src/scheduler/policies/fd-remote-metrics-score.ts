/** `fd_remote_metrics_score`: `running + waiting * waiting-weight` as the engines report it. */
import type { PolicyDefinition } from "../policy.ts";
import { leastOfAll } from "../selectors.ts";
import { reportedScore } from "../signals.ts";

export const fdRemoteMetricsScore = {
  name: "fd_remote_metrics_score",
  summary:
    "The lowest running + waiting × waiting-weight as the engines reported it, moved on by what was sent since; own counts where a report is missing or stale.",
  readsReports: true,
  create: ({ settings }) => {
    const signal = reportedScore(settings["waiting-weight"]);
    return { pick: (candidates, _request, now) => leastOfAll(candidates, signal, now) };
  },
} as const satisfies PolicyDefinition;
