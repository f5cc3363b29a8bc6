/** Wakes the generator at the times of a schedule, closer than its own timers can (they step by a millisecond). A thread of schedule.ts. */
import { parentPort } from "node:worker_threads";
import { clockNs } from "./clock.ts";

/** Shorter gaps are not worth a sleep. */
const LEAST_SLEEP_MS = 0.02;

parentPort?.on("message", (dueAt: Float64Array) => {
  for (const at of dueAt) {
    const waitMs = (at - clockNs()) / 1e6;
    if (waitMs > LEAST_SLEEP_MS) Bun.sleepSync(waitMs);
    parentPort?.postMessage(null);
  }
});
