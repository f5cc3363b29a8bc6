/** The table of suites, in the order in which they run and are shown. */
import { decision, sim } from "./balance.ts";
import { beside } from "./beside.ts";
import { cache } from "./cache.ts";
import { latency } from "./latency.ts";
import { base, idle } from "./memory.ts";
import { micro } from "./micro.ts";
import { registration, reports } from "./registration.ts";
import { replay } from "./replay.ts";
import { REQUEST_SUITES } from "./requests.ts";
import { start } from "./start.ts";
import { STREAM_SUITES } from "./streams.ts";
import type { Suite } from "./suite.ts";
import { fleet, pairs, workers } from "./variants.ts";

export const SUITES: readonly Suite[] = [
  beside,
  ...REQUEST_SUITES,
  ...STREAM_SUITES,
  latency,
  idle,
  base,
  start,
  workers,
  fleet,
  pairs,
  registration,
  reports,
  decision,
  sim,
  cache,
  replay,
  micro,
];
