/**
 * Before anything is measured each arm has served some thousands of requests: programs whose code is compiled while it runs are
 * measured as they are after the first minute of their life, and all get the same.
 */
import type { RunningArm } from "../arms/arm.ts";
import type { LoadProcess } from "../load/load-process.ts";
import { CHAT } from "./measure.ts";

const STEP_MS = 1000;

export async function warmUp(
  load: LoadProcess,
  arm: RunningArm,
  until: { readonly requests: number; readonly limitMs: number },
): Promise<void> {
  let requests = 0;
  for (let passedMs = 0; requests < until.requests && passedMs < until.limitMs; passedMs += STEP_MS) {
    const result = await load.run(
      {
        ...CHAT,
        host: "127.0.0.1",
        port: arm.port,
        connections: 64,
        bodyBytes: 1024,
        behaviour: { kind: "answer", bytes: 2048 },
        requestsPerSecond: "closed",
        warmUpMs: 0,
        durationMs: STEP_MS,
      },
      { begin() {}, end() {} },
    );
    requests += result.requests;
  }
}
