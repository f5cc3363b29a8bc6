/** Says what is wrong with a value in words: where it stands, what it is, what was wanted, which right name is near. */
import * as z from "zod/mini";
import { suggest } from "../lib/nearest.ts";
import type { Option } from "./schema.ts";

/** Lines and columns from 1. */
export interface Position {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** Characters to underline. */
  readonly width: number;
}

export interface Problem {
  /** `file:line:column`, a variable or a flag. */
  readonly where: string;
  /** Null when it does not stand in a file. */
  readonly position: Position | null;
  /** What is wrong, in our words. */
  readonly text: string;
  /** The same as the Go program says it, from `line N:` on; null where it has no message for it. */
  readonly goText: string | null;
}

export function formatPosition(position: Position): string {
  return `${position.file}:${position.line}:${position.column}`;
}

export function problemAt(position: Position, text: string, goText: string | null = null): Problem {
  return { where: formatPosition(position), position, text, goText };
}

/** One line: `config.yaml:3:11: scheduler.policy is "nope", wanted ...`. */
export function formatProblem(problem: Problem): string {
  return `${problem.where}: ${problem.text}`;
}

/** The line of the source that a problem is in, underlined; empty when there is none. */
export function codeFrame(problem: Problem, source: string): string {
  if (problem.position === null) return "";
  const { line, column, width } = problem.position;
  const text = source.split(/\r?\n/)[line - 1];
  if (text === undefined) return "";
  const margin = String(line);
  const underline = "^".repeat(Math.max(1, Math.min(width, text.length - column + 1)));
  const gap = text.slice(0, column - 1).replaceAll(/[^\t]/g, " ");
  return `  ${margin} | ${text}\n  ${" ".repeat(margin.length)} | ${gap}${underline}`;
}

/** What an option takes: "a whole number from 0 to 1024", "one of go, json, pretty", "true or false". */
export function describeWanted(option: Option): string {
  if (option.wanted !== null) return option.wanted;
  if (option.choices !== null) return `one of ${option.choices.join(", ")}`;
  switch (option.kind) {
    case "string":
      return "text";
    case "bool":
      return "true or false, without quotes";
    case "list":
      return "a list of texts";
    case "int":
      return `a whole number${describeBounds(option)}`;
    case "float64":
      return `a number${describeBounds(option)}`;
  }
}

/** A value of the right type that the option's schema refuses. */
export function describeRefusal(option: Option, value: unknown, issues: readonly z.core.$ZodIssue[]): string {
  const own = issues.find((issue) => issue.code === "custom");
  const index = own?.path[0];
  const refused: unknown = Array.isArray(value) && typeof index === "number" ? value[index] : value;
  const wanted = option.wanted ?? own?.message ?? describeWanted(option);
  return `${option.path} is ${showValue(option, refused)}, wanted ${wanted}${suggestChoice(option, refused)}`;
}

/** The value as it may be printed. */
export function showValue(option: Option, value: unknown): string {
  return option.secret && value !== "" ? "(not shown)" : formatValue(value);
}

export function suggestChoice(option: Option, value: unknown): string {
  if (option.choices === null || typeof value !== "string") return "";
  return suggest(value, option.choices);
}

function formatValue(value: unknown): string {
  return typeof value === "string" || Array.isArray(value) ? JSON.stringify(value) : String(value);
}

function describeBounds(option: Option): string {
  const { minimum, maximum, exclusiveMinimum } = z.toJSONSchema(option.check());
  const low = boundOf(minimum);
  const high = boundOf(maximum);
  const above = boundOf(exclusiveMinimum);
  const lowest = low === null ? "" : ` of at least ${low}`;
  if (low !== null && high !== null) return ` from ${low} to ${high}`;
  if (above !== null) return ` above ${above}${high === null ? "" : ` and of at most ${high}`}`;
  return high === null ? lowest : ` of at most ${high}`;
}

/** Null for bounds that only say what a JavaScript number can hold. */
function boundOf(bound: unknown): number | null {
  return typeof bound === "number" && Math.abs(bound) < Number.MAX_SAFE_INTEGER ? bound : null;
}
