/** How a relayed answer counts for its instance. A client's mistake never counts against it. */
import { lastIndexIn, type ByteRange } from "../lib/byte-range.ts";
import type { Outcome } from "../scheduler/assignment.ts";
import { readUsage } from "./usage.ts";

/** `tail` is the end of the answer's body. */
export function judge(status: number, tail: ByteRange): Outcome {
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

const ERROR_EVENT = Buffer.from('data: {"error"');
const DONE = Buffer.from("[DONE]");

/** An instance may end a stream in good order and yet say in it that it failed, or leave out its last event (faults U27, U35). */
export function findStreamFault(tail: ByteRange): StreamFault | null {
  if (lastIndexIn(tail, ERROR_EVENT) >= 0) return "stream_error";
  return tail.end - tail.start < LAST_EVENT_BYTES || lastIndexIn(tail, DONE) >= 0 ? null : "stream_truncated";
}

function isErrorObject({ bytes, start, end }: ByteRange): boolean {
  return /^\s*\{\s*"(?:error|detail)"\s*:/.test(bytes.toString("latin1", start, Math.min(end, start + 64)));
}
