/** How a relayed answer counts for its instance. A client's mistake never counts against it (design.md §6). */
import type { Outcome } from "../scheduler/assignment.ts";
import { readUsage } from "./usage.ts";

/** `tail` is the end of the answer's body. */
export function judge(status: number, tail: Uint8Array): Outcome {
  if (status < 400) return { kind: "completed", usage: readUsage(tail) };
  if (status < 500) return { kind: "declined", status };
  // FastDeploy answers 500 with an error object to too long prompts and unknown models: the request's fault (fastdeploy-engine.md §3.6).
  if (status === 500 && isErrorObject(tail)) return { kind: "declined", status };
  return { kind: "failed", reason: `status ${status}` };
}

function isErrorObject(tail: Uint8Array): boolean {
  return /^\s*\{\s*"(?:error|detail)"\s*:/.test(
    Buffer.from(tail.buffer, tail.byteOffset, tail.byteLength).toString("latin1", 0, 64),
  );
}
