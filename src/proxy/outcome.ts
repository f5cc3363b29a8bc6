/** How a relayed answer counts for its instance. A client's mistake never counts against it. */
import type { Outcome } from "../scheduler/assignment.ts";
import { readUsage } from "./usage.ts";

/** `tail` is the end of the answer's body. */
export function judge(status: number, tail: Buffer): Outcome {
  if (status < 400) return { kind: "completed", usage: readUsage(tail) };
  if (status < 500) return { kind: "declined", status };
  // FastDeploy answers 500 with an error object to too long prompts and unknown models: the request's fault.
  if (status === 500 && isErrorObject(tail)) return { kind: "declined", status };
  return { kind: "failed", reason: `status ${status}` };
}

/** What is wrong with a stream whose framing is complete. */
export type StreamFault = "stream_error" | "stream_truncated";

/** Shorter than the last event: too little was kept to tell. */
const LAST_EVENT_BYTES = "data: [DONE]\n\n".length;

/** An instance may end a stream in good order and yet say in it that it failed, or leave out its last event (faults U27, U35). */
export function findStreamFault(tail: Buffer): StreamFault | null {
  if (tail.includes('data: {"error"')) return "stream_error";
  return tail.length < LAST_EVENT_BYTES || tail.includes("[DONE]") ? null : "stream_truncated";
}

function isErrorObject(tail: Buffer): boolean {
  return /^\s*\{\s*"(?:error|detail)"\s*:/.test(tail.toString("latin1", 0, 64));
}
