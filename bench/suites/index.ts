/** The table of suites, in the order in which they run and are shown. */
import { latency } from "./latency.ts";
import { REQUEST_SUITES } from "./requests.ts";
import { STREAM_SUITES } from "./streams.ts";
import type { Suite } from "./suite.ts";

export const SUITES: readonly Suite[] = [...REQUEST_SUITES, ...STREAM_SUITES, latency];
