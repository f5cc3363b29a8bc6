/**
 * The effective configuration: defaults < file < environment < flags, with the origin of every value.
 * Used by serve-config.ts (to start) and by `fd-router check` (to explain).
 */
import { suggest } from "../lib/nearest.ts";
import { describeRefusal, describeWanted, formatPosition, formatProblem, showValue, suggestChoice } from "./explain.ts";
import type { Problem } from "./explain.ts";
import { parseConfigFile } from "./file.ts";
import type { FileContents } from "./file.ts";
import type { ParsedFlags } from "./flags.ts";
import { readFileProblem } from "./read-file-problem.ts";
import { OPTIONS, SECTIONS, findOption, parseConfig } from "./schema.ts";
import type { Config, Option } from "./schema.ts";
import { convertText } from "./values.ts";

export type Environment = Readonly<Record<string, string | undefined>>;
export type ReadFile = (path: string) => string;

export interface Origin {
  readonly source: "default" | "file" | "env" | "flag";
  /** `config.yaml:4:9`, the variable, the flag; empty for a default. */
  readonly detail: string;
}

export interface LoadedConfig {
  readonly kind: "loaded";
  readonly config: Config;
  /** By option path; every option has one. */
  readonly origins: ReadonlyMap<string, Origin>;
  readonly warnings: readonly Problem[];
  readonly source: string;
}

export interface LoadFailure {
  readonly kind: "failed";
  /** As the Go program says it after `Failed to load config: `; may have several lines. */
  readonly message: string;
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
  /** Text of the file; empty when it could not be read. */
  readonly source: string;
}

export type LoadResult = LoadedConfig | LoadFailure;

const NO_CONTENTS: FileContents = { values: new Map(), problems: [], warnings: [] };

export function loadConfig(flags: ParsedFlags, env: Environment, readFile: ReadFile): LoadResult {
  const { configFile } = flags;
  if (configFile === null) return merge(flags, env, NO_CONTENTS, "");
  let source: string;
  try {
    source = readFile(configFile.path);
  } catch (error) {
    const text = readFileProblem(configFile.path, error);
    const problem = { where: configFile.path, position: null, text, goText: null };
    return failed(`failed to read config file: ${text}`, [problem], [], "");
  }
  const file = parseConfigFile(source, configFile.path, configFile.layout);
  if (file.kind === "contents") return merge(flags, env, file.contents, source);
  const message = `failed to parse config: yaml: ${file.problem.goText}\n  ${formatProblem(file.problem)}`;
  return failed(message, [file.problem], [], source);
}

interface Merging {
  readonly values: Map<string, unknown>;
  readonly origins: Map<string, Origin>;
  readonly problems: Problem[];
  readonly warnings: Problem[];
}

function merge(flags: ParsedFlags, env: Environment, file: FileContents, source: string): LoadResult {
  const merging: Merging = {
    values: new Map(),
    origins: new Map(OPTIONS.map((option) => [option.path, { source: "default", detail: "" }])),
    problems: [...file.problems],
    warnings: [...file.warnings],
  };
  for (const { option, value, position } of file.values.values()) {
    set(merging, option, value, { source: "file", detail: formatPosition(position) });
  }
  mergeEnvironment(merging, env);
  mergeFlags(merging, flags);
  const { problems, warnings, origins } = merging;
  const [first] = problems;
  if (first !== undefined) return failed(describeFailure(problems), problems, warnings, source);
  if (merging.values.get("server.port") === undefined) {
    const text =
      "server.port is not set, wanted a port: --port, FD_ROUTER_SERVER_PORT or port in section server of the file";
    const problem = { where: flags.configFile?.path ?? "command line", position: null, text, goText: null };
    return failed("failed to set router listen port", [problem], warnings, source);
  }
  const config = parseConfig(toSections(merging.values));
  return { kind: "loaded", config, origins, warnings, source };
}

function mergeEnvironment(merging: Merging, env: Environment): void {
  for (const option of OPTIONS) {
    const text = env[option.variable];
    if (text === undefined || text === "") continue;
    const refusal = mergeVariable(merging, option, text);
    if (refusal !== null)
      merging.problems.push({ where: option.variable, position: null, text: refusal, goText: null });
  }
  const variables = new Set(OPTIONS.map((option) => option.variable));
  const ours = new RegExp(`^FD_ROUTER_(${SECTIONS.join("|").toUpperCase()})_`);
  for (const name of Object.keys(env)) {
    if (!ours.test(name) || variables.has(name)) continue;
    const text = `no option has this variable, it is ignored${suggest(name, variables)}`;
    merging.warnings.push({ where: name, position: null, text, goText: null });
  }
}

/** Null when the value is taken, else why not. */
function mergeVariable(merging: Merging, option: Option, text: string): string | null {
  const converted = convertText(text, option.kind);
  if (converted.kind !== "value") {
    return `${option.path} is ${showValue(option, text)}, wanted ${describeWanted(option)}${suggestChoice(option, text)}`;
  }
  const parsed = option.check().safeParse(converted.value);
  if (!parsed.success) return describeRefusal(option, converted.value, parsed.error.issues);
  set(merging, option, converted.value, { source: "env", detail: option.variable });
  return null;
}

function mergeFlags(merging: Merging, flags: ParsedFlags): void {
  for (const text of flags.warnings) merging.warnings.push(commandLineWarning(text));
  for (const [path, { flag, value }] of flags.values) {
    const option = findOption(path);
    if (option === undefined) continue;
    // As in the Go program, the flag can only switch PD mode on.
    const noEffect = path === "server.splitwise" && value === false;
    if (!noEffect) set(merging, option, value, { source: "flag", detail: flag });
    else if (merging.values.get(path) === true) {
      const text = `${flag}=false does not switch splitwise off; ${merging.origins.get(path)?.detail} has switched it on`;
      merging.warnings.push(commandLineWarning(text));
    }
  }
  if (flags.rest.length === 0) return;
  const text = `${flags.rest.map((arg) => JSON.stringify(arg)).join(" ")} ignored: flags end at the first argument that is none`;
  const example = flags.rest.find((arg) => /^(true|false)$/i.test(arg));
  merging.warnings.push(
    commandLineWarning(example === undefined ? text : `${text}; a switch takes its value as --splitwise=${example}`),
  );
}

function set(merging: Merging, option: Option, value: unknown, origin: Origin): void {
  merging.values.set(option.path, value);
  merging.origins.set(option.path, origin);
}

function toSections(values: ReadonlyMap<string, unknown>): Record<string, Record<string, unknown>> {
  return Object.fromEntries(
    SECTIONS.map((section) => [
      section,
      Object.fromEntries(
        OPTIONS.filter((option) => option.section === section && values.has(option.path)).map((option) => [
          option.key,
          values.get(option.path),
        ]),
      ),
    ]),
  );
}

/** Go's own list of type errors comes first, since scripts and people search for it; ours says the same with more help. */
function describeFailure(problems: readonly Problem[]): string {
  const goLines = problems.flatMap((problem) => (problem.goText === null ? [] : [`  ${problem.goText}`]));
  const ours = problems.map((problem) => `  ${formatProblem(problem)}`);
  if (goLines.length > 0) return ["failed to parse config: yaml: unmarshal errors:", ...goLines, ...ours].join("\n");
  return ours.length === 1 ? (ours[0] ?? "").trim() : ["invalid values:", ...ours].join("\n");
}

function commandLineWarning(text: string): Problem {
  return { where: "command line", position: null, text, goText: null };
}

function failed(
  message: string,
  problems: readonly Problem[],
  warnings: readonly Problem[],
  source: string,
): LoadFailure {
  return { kind: "failed", message, problems, warnings, source };
}
