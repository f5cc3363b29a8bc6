/** The two CSV trace formats: Azure's LLM inference traces and draws from ServeGen. Columns are found by the header's names. */
import type { TraceRequest } from "./trace-request.ts";
import { readTime, readTokens, TraceLineError } from "./trace-line.ts";

interface CsvFormat {
  readonly columns: readonly string[];
  readonly time: string;
  readonly prompt: string;
  readonly output: string;
  readonly parseTime: (line: number, name: string, text: string) => number;
}

export const CSV_FORMATS: readonly CsvFormat[] = [
  {
    columns: ["TIMESTAMP", "ContextTokens", "GeneratedTokens"],
    time: "TIMESTAMP",
    prompt: "ContextTokens",
    output: "GeneratedTokens",
    parseTime: parseTimestamp,
  },
  {
    columns: ["t_ms", "client", "input_tokens", "output_tokens"],
    time: "t_ms",
    prompt: "input_tokens",
    output: "output_tokens",
    parseTime: (line, name, text) => readTime(line, name, toNumber(text)),
  },
];

export interface CsvLayout {
  readonly format: CsvFormat;
  readonly width: number;
  readonly time: number;
  readonly prompt: number;
  readonly output: number;
}

/** Null when the line is the header of no known format. */
export function readHeader(line: string): CsvLayout | null {
  const names = line.split(",").map((name) => name.trim());
  const format = CSV_FORMATS.find((candidate) => candidate.columns.every((column) => names.includes(column)));
  if (format === undefined) return null;
  return {
    format,
    width: names.length,
    time: names.indexOf(format.time),
    prompt: names.indexOf(format.prompt),
    output: names.indexOf(format.output),
  };
}

export function readCsvLine(text: string, line: number, layout: CsvLayout): TraceRequest {
  const cells = text.split(",");
  const { format } = layout;
  if (cells.length !== layout.width) throw TraceLineError.of(line, "the row", text, `${layout.width} columns`);
  const cell = (index: number): string => (cells[index] ?? "").trim();
  return {
    atMs: format.parseTime(line, format.time, cell(layout.time)),
    promptTokens: readTokens(line, format.prompt, toNumber(cell(layout.prompt))),
    outputTokens: readTokens(line, format.output, toNumber(cell(layout.output))),
    blockIds: null,
  };
}

/** The text itself when it is no decimal number, so that the message can show it. */
function toNumber(text: string): number | string {
  return /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text;
}

const TIMESTAMP = /^(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(\.\d{1,9})?(?:Z|\+00:00)?$/;

/** `2023-11-16 18:15:46.6805900`, always UTC. The fraction is kept beyond the millisecond, where Date would cut it. */
function parseTimestamp(line: number, name: string, text: string): number {
  const match = TIMESTAMP.exec(text);
  const wholeMs = match === null ? Number.NaN : Date.parse(`${match[1]}T${match[2]}Z`);
  if (Number.isNaN(wholeMs)) throw TraceLineError.of(line, name, text, "a time such as 2023-11-16 18:15:46.6805900");
  return wholeMs + Number(match?.[3] ?? 0) * 1000;
}
