/**
 * Command-line flags as Go's `flag` package reads them: one or two dashes, `=` or the next argument, parsing ends at the
 * first argument that is no flag. The flags themselves come from the schema, and from the Python router.
 */
import { nearest } from "../lib/nearest.ts";
import type { OptionKind } from "../lib/option-types.ts";
import { describeRefusal, showValue } from "./explain.ts";
import { IGNORED_FLAGS } from "./python-router.ts";
import { OPTIONS } from "./schema.ts";
import type { Option } from "./schema.ts";
import { convertText, parseGoBool } from "./values.ts";

export interface Flag {
  readonly name: string;
  readonly kind: OptionKind;
  /** `ignored` flags are accepted for the sake of old command lines; `note` says why they change nothing. */
  readonly target:
    | { readonly kind: "option"; readonly option: Option }
    | { readonly kind: "config-file"; readonly layout: "sections" | "any" }
    | { readonly kind: "version" }
    | { readonly kind: "ignored"; readonly note: string };
}

export interface FlagValue {
  readonly flag: string;
  /** Fits the option's schema, whose own transformation is still to come. */
  readonly value: unknown;
}

export interface ParsedFlags {
  readonly kind: "parsed";
  /** By option path. */
  readonly values: ReadonlyMap<string, FlagValue>;
  /** Null: no file. */
  readonly configFile: { readonly path: string; readonly layout: "sections" | "any" } | null;
  readonly version: boolean;
  readonly warnings: readonly string[];
  /** What stands from the first argument on that is no flag. */
  readonly rest: readonly string[];
}

export type FlagsResult =
  | ParsedFlags
  | { readonly kind: "help" }
  /** `message` is Go's; `hint` is ours, empty when there is nothing to add. */
  | { readonly kind: "error"; readonly message: string; readonly hint: string };

export const FLAGS: ReadonlyMap<string, Flag> = new Map(listFlags().map((flag) => [flag.name, flag]));

interface Progress {
  readonly values: Map<string, FlagValue>;
  readonly warnings: string[];
  configFile: ParsedFlags["configFile"];
  version: boolean;
}

export function parseFlags(args: readonly string[]): FlagsResult {
  const progress: Progress = { values: new Map(), warnings: [], configFile: null, version: false };
  let next = 0;
  for (;;) {
    const arg = args[next];
    if (arg === undefined || !arg.startsWith("-") || arg === "-") break;
    next++;
    if (arg === "--") break;
    const { name, inline } = splitFlag(arg);
    if (name === "" || name.startsWith("-")) return failure(`bad flag syntax: ${arg}`);
    const flag = FLAGS.get(name);
    if (flag === undefined) return name === "h" || name === "help" ? { kind: "help" } : unknownFlag(name);
    const text = inline ?? (flag.kind === "bool" ? "true" : args[next++]);
    if (text === undefined) return failure(`flag needs an argument: -${name}`);
    const problem = setFlag(flag, text, progress);
    if (problem !== null) return problem;
  }
  return { kind: "parsed", ...progress, rest: args.slice(next) };
}

function splitFlag(arg: string): { name: string; inline: string | null } {
  const bare = arg.replace(/^--?/, "");
  const equals = bare.indexOf("=");
  return equals < 0 ? { name: bare, inline: null } : { name: bare.slice(0, equals), inline: bare.slice(equals + 1) };
}

function setFlag(flag: Flag, text: string, progress: Progress): FlagsResult | null {
  const { name, target } = flag;
  const value = readFlagValue(flag, text);
  if (value === undefined) {
    const shown = JSON.stringify(text);
    return failure(
      flag.kind === "bool"
        ? `invalid boolean value ${shown} for -${name}: parse error`
        : `invalid value ${shown} for flag -${name}: parse error`,
    );
  }
  switch (target.kind) {
    case "version":
      progress.version = value === true;
      return null;
    case "config-file":
      progress.configFile = text === "" ? null : { path: text, layout: target.layout };
      return null;
    case "ignored":
      progress.warnings.push(`--${name} ${target.note}; it is ignored`);
      return null;
    case "option":
      return setOption(flag, target.option, { text, value }, progress);
  }
}

function setOption(flag: Flag, option: Option, given: { text: string; value: unknown }, progress: Progress) {
  progress.values.delete(option.path);
  // Empty counts as not given, as in Go.
  if (given.text === "") return null;
  const parsed = option.check().safeParse(given.value);
  if (!parsed.success) {
    const refusal = describeRefusal(option, given.value, parsed.error.issues);
    return failure(`invalid value ${showValue(option, given.text)} for flag -${flag.name}: ${refusal}`);
  }
  progress.values.set(option.path, { flag: `--${flag.name}`, value: given.value });
  return null;
}

function readFlagValue(flag: Flag, text: string): unknown {
  if (flag.kind === "bool") return parseGoBool(text) ?? undefined;
  if (text === "" && flag.target.kind === "option" && flag.kind !== "string") return undefined;
  const converted = convertText(text, flag.kind);
  return converted.kind === "value" ? converted.value : undefined;
}

function unknownFlag(name: string): FlagsResult {
  const near = nearest(name, FLAGS.keys());
  return failure(`flag provided but not defined: -${name}`, near === null ? "" : `did you mean --${near}?`);
}

function failure(message: string, hint = ""): FlagsResult {
  return { kind: "error", message, hint };
}

function listFlags(): readonly Flag[] {
  return [
    { name: "V", kind: "bool", target: { kind: "version" } },
    { name: "version", kind: "bool", target: { kind: "version" } },
    { name: "config_path", kind: "string", target: { kind: "config-file", layout: "sections" } },
    { name: "config", kind: "string", target: { kind: "config-file", layout: "any" } },
    ...IGNORED_FLAGS.map(({ name, kind, note }): Flag => ({ name, kind, target: { kind: "ignored", note } })),
    ...OPTIONS.flatMap((option): readonly Flag[] =>
      option.flag === null ? [] : [{ name: option.flag, kind: option.kind, target: { kind: "option", option } }],
    ),
  ];
}
