/**
 * Reads a published request trace for the replay: when requests came and how long prompts and answers were.
 * The format is told by the first line: Azure CSV, ServeGen CSV or Mooncake JSON lines. Called by demo.ts.
 */
import { stat } from "node:fs/promises";
import { basename } from "node:path";
import { CSV_FORMATS, readCsvLine, readHeader } from "./trace-csv.ts";
import { readMooncakeLine, spreadBatches } from "./trace-mooncake.ts";
import { TraceLineError } from "./trace-line.ts";
import type { TraceRequest } from "./trace-request.ts";
import { UsageError } from "./usage-error.ts";

export interface Trace {
  /** For people: file or source, and format. */
  readonly name: string;
  /** Ordered by arrival; at least two. */
  readonly requests: readonly TraceRequest[];
}

const MAX_FILE_BYTES = 1 << 30;

export async function readTrace(path: string): Promise<Trace> {
  const text = await readText(path);
  try {
    return { name: basename(path), requests: parseTrace(text) };
  } catch (error) {
    if (!(error instanceof TraceLineError)) throw error;
    throw new UsageError(`cannot read trace ${path}: line ${error.line}: ${error.problem}`, { cause: error });
  }
}

/** Throws TraceLineError. */
export function parseTrace(text: string): TraceRequest[] {
  const lines = text.replace(/^\uFEFF/, "").split(/\r?\n/);
  const first = lines[0] ?? "";
  const requests = first.startsWith("{") ? readMooncake(lines) : readCsv(lines);
  if (requests.length < 2) {
    throw new TraceLineError(lines.length, `the file ends after ${requests.length} request(s), expected at least 2`);
  }
  requests.sort((a, b) => a.atMs - b.atMs);
  const start = requests[0]?.atMs ?? 0;
  return requests.map((request) => ({ ...request, atMs: request.atMs - start }));
}

function readCsv(lines: readonly string[]): TraceRequest[] {
  const layout = readHeader(lines[0] ?? "");
  if (layout === null) {
    const wanted = CSV_FORMATS.map((format) => format.columns.join(",")).join(" or ");
    throw TraceLineError.of(1, "the first line", lines[0] ?? "", `the header ${wanted}, or a JSON object a line`);
  }
  return readLines(lines.slice(1), 2, (line, number) => readCsvLine(line, number, layout));
}

function readMooncake(lines: readonly string[]): TraceRequest[] {
  return spreadBatches(readLines(lines, 1, readMooncakeLine).toSorted((a, b) => a.atMs - b.atMs));
}

function readLines(
  lines: readonly string[],
  firstNumber: number,
  read: (line: string, number: number) => TraceRequest,
): TraceRequest[] {
  const requests: TraceRequest[] = [];
  for (const [index, line] of lines.entries()) {
    if (line.trim() !== "") requests.push(read(line, firstNumber + index));
  }
  return requests;
}

async function readText(path: string): Promise<string> {
  try {
    const status = await stat(path);
    // A device or a pipe may have no end.
    if (!status.isFile()) throw new Error("it is not a regular file");
    if (status.size > MAX_FILE_BYTES)
      throw new Error(`it has ${status.size} bytes, expected at most ${MAX_FILE_BYTES}`);
    return await Bun.file(path).text();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new UsageError(`cannot read trace ${path}: ${reason}`, { cause });
  }
}
