/** From the arguments of `fd-router [serve]` to a configuration to run with, or to what is to be printed before leaving. */
import { formatProblem } from "./explain.ts";
import { parseFlags } from "./flags.ts";
import { loadConfig } from "./load.ts";
import type { Environment, Origin, ReadFile } from "./load.ts";
import type { Config } from "./schema.ts";
import { fullUsage, goUsage } from "./usage.ts";
import { versionText } from "./version.ts";

export type ServeConfig =
  | {
      readonly kind: "run";
      readonly config: Config;
      /** To be logged at WARN once the logger is there. */
      readonly warnings: readonly string[];
      readonly origins: ReadonlyMap<string, Origin>;
    }
  | { readonly kind: "exit"; readonly code: number; readonly stdout: string; readonly stderr: string };

export interface Invocation {
  /** As the program was called, for its usage text. */
  readonly programName: string;
  readonly now: Date;
}

export function loadServeConfig(
  args: readonly string[],
  env: Environment,
  readFile: ReadFile,
  invocation: Invocation,
): ServeConfig {
  const { programName } = invocation;
  const flags = parseFlags(args);
  if (flags.kind === "help") return leave(0, "", fullUsage(programName));
  if (flags.kind === "error") {
    const hint = flags.hint === "" ? "" : `${flags.hint}\n`;
    return leave(2, "", `${flags.message}\n${goUsage(programName)}All flags: ${programName} -h\n${hint}`);
  }
  if (flags.version) return leave(0, versionText(), "");
  const loaded = loadConfig(flags, env, readFile);
  if (loaded.kind === "loaded") {
    const { config, origins } = loaded;
    return { kind: "run", config, warnings: loaded.warnings.map(formatProblem), origins };
  }
  const lines = [
    `Failed to load config: ${loaded.message}`,
    ...loaded.warnings.map((each) => `  ${formatProblem(each)}`),
  ];
  return leave(1, "", fatalText(lines.join("\n"), invocation.now));
}

/** A line of Go's standard logger, which the program writes when it gives up before it has a logger. */
export function fatalText(text: string, now: Date): string {
  const date = `${now.getFullYear()}/${two(now.getMonth() + 1)}/${two(now.getDate())}`;
  return `${date} ${two(now.getHours())}:${two(now.getMinutes())}:${two(now.getSeconds())} ${text}\n`;
}

function two(value: number): string {
  return String(value).padStart(2, "0");
}

function leave(code: number, stdout: string, stderr: string): ServeConfig {
  return { kind: "exit", code, stdout, stderr };
}
