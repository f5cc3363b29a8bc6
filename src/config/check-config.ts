/** What `fd-router check` answers: every problem with its place in the file, or the effective configuration. */
import { codeFrame, formatProblem } from "./explain.ts";
import type { Problem } from "./explain.ts";
import { parseFlags } from "./flags.ts";
import type { ParsedFlags } from "./flags.ts";
import { resolveListenPort } from "./listen-port.ts";
import { loadConfig } from "./load.ts";
import type { Environment, LoadResult, LoadedConfig, ReadFile } from "./load.ts";
import { printConfig } from "./print-config.ts";
import { readFileProblem } from "./read-file-problem.ts";

export interface CheckOutcome {
  /** 0: it would start. 1: it would not, or there are warnings and `--strict` was given. 2: wrong flags. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export function checkConfig(
  args: readonly string[],
  env: Environment,
  readFile: ReadFile,
  programName: string,
): CheckOutcome {
  const own = new Set(["--print", "--strict"]);
  const flags = parseFlags(nameFile(args.filter((arg) => !own.has(arg))));
  if (flags.kind === "help") return { code: 0, stdout: usage(programName), stderr: "" };
  if (flags.kind === "error") {
    return {
      code: 2,
      stdout: "",
      stderr: `${flags.message}\n${flags.hint === "" ? "" : `${flags.hint}\n`}${usage(programName)}`,
    };
  }
  const loaded = loadConfig(flags, env, readFile);
  const problems = loaded.kind === "failed" ? loaded.problems : checkPort(loaded, readFile);
  const warnings = loaded.kind === "failed" ? loaded.warnings : [...loaded.warnings, ...checkFiles(loaded, readFile)];
  const report = [
    ...problems.map((problem) => describe("error", problem, loaded.source)),
    ...warnings.map((problem) => describe("warning", problem, loaded.source)),
  ].join("");
  const failed = problems.length > 0 || (args.includes("--strict") && warnings.length > 0);
  const printed = loaded.kind === "loaded" && args.includes("--print") ? printConfig(loaded) : "";
  const conclusion = conclude(flags, loaded, { errors: problems.length, warnings: warnings.length });
  return { code: failed ? 1 : 0, stdout: printed, stderr: `${report}${conclusion}` };
}

/** `check FILE` is `check --config FILE`, which understands every layout. */
function nameFile(args: readonly string[]): readonly string[] {
  return args[0] === undefined || args[0].startsWith("-") ? args : ["--config", ...args];
}

function checkPort(loaded: LoadedConfig, readFile: ReadFile): readonly Problem[] {
  const port = resolveListenPort(loaded.config.server.port, readFile);
  return port.ok ? [] : [optionProblem(loaded, "server.port", `cannot be listened on: ${port.message}`)];
}

/** Only warnings: the check may run in another directory than the router. */
function checkFiles(loaded: LoadedConfig, readFile: ReadFile): readonly Problem[] {
  const path = loaded.config.manager["register-path"];
  if (path === "") return [];
  try {
    readFile(path);
    return [];
  } catch (error) {
    const text = `cannot be read from this directory: ${readFileProblem(path, error)}`;
    return [optionProblem(loaded, "manager.register-path", text)];
  }
}

function optionProblem({ origins }: LoadedConfig, path: string, text: string): Problem {
  return { where: origins.get(path)?.detail ?? path, position: null, text: `${path} ${text}`, goText: null };
}

function describe(level: "error" | "warning", problem: Problem, source: string): string {
  const frame = codeFrame(problem, source);
  return `${level}: ${formatProblem(problem)}\n${frame === "" ? "" : `${frame}\n`}`;
}

function conclude(flags: ParsedFlags, loaded: LoadResult, found: { errors: number; warnings: number }): string {
  const what = flags.configFile?.path ?? "configuration";
  const warnings = found.warnings === 0 ? "" : `, ${count(found.warnings, "warning")}`;
  if (loaded.kind === "failed" || found.errors > 0) {
    return `${what}: the router would not start with this (${count(found.errors, "error")}${warnings})\n`;
  }
  const set = [...loaded.origins.values()].filter((origin) => origin.source !== "default").length;
  return `${what}: ok (${count(set, "option")} set${warnings})\n`;
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

function usage(programName: string): string {
  return `Usage: ${programName} check [--print] [--strict] [FILE] [flags of ${programName} serve]

Checks a configuration as the router would read it: defaults, then FILE (or --config_path FILE), then
variables FD_ROUTER_<SECTION>_<KEY>, then flags. Exits 0 when the router would start with it.

  --print   write the effective configuration to stdout as YAML, with the origin of every value
  --strict  exit 1 also when there are only warnings
`;
}
