/** What a reload would do to a running router: reads everything again and compares. Pure; commands/serve-reload.ts carries it out. */
import { formatProblem, showValue } from "./explain.ts";
import { parseFlags } from "./flags.ts";
import { loadConfig } from "./load.ts";
import type { Environment, Origin, ReadFile } from "./load.ts";
import { OPTIONS, parseConfig } from "./schema.ts";
import type { Config, Option } from "./schema.ts";

export type ReloadPlan =
  | {
      readonly kind: "change";
      /** What to run with: the new values, but the old ones of options that want a restart. */
      readonly config: Config;
      /** One text for each option that changes. */
      readonly changes: readonly string[];
      /** Also one for each option that would want a restart. */
      readonly warnings: readonly string[];
    }
  /** Nothing may be changed. Each problem begins with its place: `config.yaml:3:11: ...`. */
  | { readonly kind: "invalid"; readonly problems: readonly string[] };

export function planReload(args: readonly string[], env: Environment, readFile: ReadFile, running: Config): ReloadPlan {
  const flags = parseFlags(args);
  if (flags.kind !== "parsed") throw new Error("flags that the router was started with are refused at a reload");
  const loaded = loadConfig(flags, env, readFile);
  if (loaded.kind === "failed") return { kind: "invalid", problems: loaded.problems.map(formatProblem) };
  const before = valuesOf(running);
  const after = valuesOf(loaded.config);
  const changed = OPTIONS.filter(({ path }) => !isSame(before.get(path), after.get(path)));
  const kept = changed.filter(({ needsRestart }) => needsRestart);
  return {
    kind: "change",
    config: withValues(loaded.config, kept, before),
    changes: changed
      .filter(({ needsRestart }) => !needsRestart)
      .map((option) => `${option.path} is ${show(option, after)} (was ${show(option, before)})`),
    warnings: [
      ...loaded.warnings.map(formatProblem),
      ...kept.map((option) => {
        const where = placeOf(loaded.origins.get(option.path));
        return `${where}${option.path} is ${show(option, after)}, which wants a restart; going on with ${show(option, before)}`;
      }),
    ],
  };
}

function valuesOf(config: Config): ReadonlyMap<string, unknown> {
  return new Map(
    Object.entries(config).flatMap(([section, values]) =>
      Object.entries(values).map(([key, value]): [string, unknown] => [`${section}.${key}`, value]),
    ),
  );
}

function withValues(config: Config, options: readonly Option[], values: ReadonlyMap<string, unknown>): Config {
  const sections: Record<string, Record<string, unknown>> = structuredClone(config);
  for (const { section, key, path } of options) sections[section] = { ...sections[section], [key]: values.get(path) };
  return parseConfig(sections);
}

function isSame(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

function show(option: Option, values: ReadonlyMap<string, unknown>): string {
  return showValue(option, values.get(option.path));
}

function placeOf(origin: Origin | undefined): string {
  return origin === undefined || origin.detail === "" ? "" : `${origin.detail}: `;
}
