/** Mooncake's JSON lines: lengths with the hash ids of a prompt's blocks, stamped in batches of three seconds. */
import type { TraceRequest } from "./trace-request.ts";
import { readTime, readTokens, TraceLineError } from "./trace-line.ts";

/** For a last batch that has no next one to show the period. */
const DEFAULT_BATCH_MS = 3000;

export function readMooncakeLine(text: string, line: number): TraceRequest {
  const row = parseObject(text, line);
  return {
    atMs: readTime(line, "timestamp", row["timestamp"]),
    promptTokens: readTokens(line, "input_length", row["input_length"]),
    outputTokens: readTokens(line, "output_length", row["output_length"]),
    blockIds: readBlockIds(line, row["hash_ids"]),
  };
}

/** Spreads the requests of one stamp evenly up to the next stamp: replayed as stamped they would be bursts that never were. */
export function spreadBatches(requests: readonly TraceRequest[]): TraceRequest[] {
  const spread: TraceRequest[] = [];
  let gapMs = DEFAULT_BATCH_MS;
  for (let start = 0; start < requests.length;) {
    const atMs = requests[start]?.atMs ?? 0;
    let end = start + 1;
    while (requests[end]?.atMs === atMs) end++;
    const next = requests[end];
    if (next !== undefined) gapMs = next.atMs - atMs;
    for (let i = start; i < end; i++) {
      const request = requests[i];
      if (request !== undefined) spread.push({ ...request, atMs: atMs + (gapMs * (i - start)) / (end - start) });
    }
    start = end;
  }
  return spread;
}

function parseObject(text: string, line: number): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw TraceLineError.of(line, "the line", text, "a JSON object");
  }
  return { ...value };
}

function readBlockIds(line: number, value: unknown): readonly number[] | null {
  if (value === undefined || value === null) return null;
  if (!Array.isArray(value)) throw TraceLineError.of(line, "hash_ids", value, "a list of whole numbers");
  return value.map((id: unknown) => {
    if (typeof id !== "number" || !Number.isSafeInteger(id) || id < 0) {
      throw TraceLineError.of(line, "an id in hash_ids", id, "a whole number from 0");
    }
    return id;
  });
}
