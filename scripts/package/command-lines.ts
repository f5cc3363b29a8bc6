/** Every command with its flags, as man page and completions want them. From the option schemas; from the help where there is no schema. */
import { $ } from "bun";
import { z } from "zod";
import { COMMANDS } from "../../src/commands/index.ts";
import { FLAGS, type Flag } from "../../src/config/flags.ts";
import { groupOptions, launchOptions } from "../../src/launcher/options.ts";

export interface FlagLine {
  /** Without dashes. */
  readonly name: string;
  /** Empty where only the name is known. */
  readonly description: string;
  readonly value: "none" | "text" | "file";
  /** Values that it may have; empty: any. */
  readonly choices: readonly string[];
}

export interface CommandLine {
  readonly name: string;
  readonly summary: string;
  readonly flags: readonly FlagLine[];
}

const FILE_FLAGS: ReadonlySet<string> = new Set(["fleet", "pid-file", "log-dir", "python"]);

export async function commandLines(): Promise<readonly CommandLine[]> {
  return Promise.all(
    Object.entries(COMMANDS).map(async ([name, load]) => {
      const { summary } = await load();
      return { name, summary, flags: await flagsOf(name) };
    }),
  );
}

async function flagsOf(command: string): Promise<readonly FlagLine[]> {
  switch (command) {
    case "serve":
      return serveFlags();
    case "check":
      return [
        flag("print", "Write the effective configuration with the origin of every value.", "none"),
        flag("strict", "Exit 1 also when there are only warnings.", "none"),
        ...serveFlags(),
      ];
    case "launch":
      return [
        ...Object.entries<z.ZodType>({ ...launchOptions.shape, ...groupOptions.shape }).map(([name, schema]) =>
          schemaFlag(name, schema),
        ),
        flag("args", "The rest of the line is for the servers.", "none"),
      ];
    case "help":
      return [];
    default:
      return helpFlags(command);
  }
}

function serveFlags(): readonly FlagLine[] {
  return [...FLAGS.values()].filter(({ target }) => target.kind !== "ignored").map(serveFlag);
}

function serveFlag({ name, kind, target }: Flag): FlagLine {
  switch (target.kind) {
    case "option": {
      const { description, choices, path } = target.option;
      const value = kind === "bool" ? "none" : "text";
      return { ...flag(name, `${description.replaceAll("`", "")} Key: ${path}.`, value), choices: choices ?? [] };
    }
    case "config-file":
      return flag(name, "Configuration file (YAML).", "file");
    case "version":
      return flag(name, "Print the version and leave.", "none");
    case "ignored":
      return flag(name, target.note, "text");
  }
}

function schemaFlag(name: string, schema: z.ZodType): FlagLine {
  const { type, enum: names, description } = z.toJSONSchema(schema, { io: "input" });
  const value = type === "boolean" ? "none" : FILE_FLAGS.has(name) ? "file" : "text";
  const text = (description ?? "").replaceAll("`", "");
  return { ...flag(name, `${text}.`, value), choices: (names ?? []).map(String) };
}

async function helpFlags(command: string): Promise<readonly FlagLine[]> {
  const root = new URL("../..", import.meta.url).pathname;
  const { stdout, stderr } = await $`${process.execPath} src/main.ts help ${command}`.cwd(root).quiet().nothrow();
  const names = `${stdout.toString()}${stderr.toString()}`.match(/(?<![\w-])--[a-z][a-z0-9-]+/g) ?? [];
  return [...new Set(names)].map((name) => flag(name.slice(2), "", "text"));
}

function flag(name: string, description: string, value: FlagLine["value"]): FlagLine {
  return { name, description, value, choices: [] };
}
