/** What every trace format needs to check a value, and to say which line holds a bad one. */

/** More tokens than any served model takes: a larger figure is a damaged file, and would only fill memory. */
const MAX_TOKENS = 1 << 20;

export class TraceLineError extends Error {
  override readonly name = "TraceLineError";
  readonly line: number;
  readonly problem: string;

  constructor(line: number, problem: string) {
    super(`line ${line}: ${problem}`);
    this.line = line;
    this.problem = problem;
  }

  static of(line: number, what: string, value: unknown, wanted: string): TraceLineError {
    return new TraceLineError(line, `${what} is ${excerpt(value)}, expected ${wanted}`);
  }
}

/** A request has at least one prompt token and one answer token, whatever the trace rounds down to 0. */
export function readTokens(line: number, name: string, value: unknown): number {
  if (typeof value !== "number" || !Number.isInteger(value) || value < 0 || value > MAX_TOKENS) {
    throw TraceLineError.of(line, name, value, `a whole number from 0 to ${MAX_TOKENS}`);
  }
  return Math.max(1, value);
}

export function readTime(line: number, name: string, value: unknown): number {
  if (typeof value !== "number" || !Number.isFinite(value) || value < 0) {
    throw TraceLineError.of(line, name, value, "milliseconds from 0");
  }
  return value;
}

function excerpt(value: unknown): string {
  const text = JSON.stringify(value) ?? "missing";
  return text.length <= 60 ? text : `${text.slice(0, 57)}...`;
}
