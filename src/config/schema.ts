/**
 * The whole configuration: the parts' options under the four sections of config.yaml, and the flat table of options that
 * everything else here is made from (file, environment, flags, help, docs).
 */
import type * as z from "zod/mini";
import { FORMER_KEYS, GO_KEYS } from "./go-keys.ts";
import { RESTART_KEYS } from "./restart-keys.ts";
import { type OptionDefinition, OptionSet, type ValuesOf } from "../lib/option-set.ts";
import type { OptionKind } from "../lib/option-types.ts";
import { logOptions } from "../log/options.ts";
import { proxyOptions } from "../proxy/options.ts";
import { registryOptions } from "../registry/options.ts";
import { schedulerOptions } from "../scheduler/options.ts";
import { workerOptions } from "../worker/options.ts";

const sections = {
  server: new OptionSet({ ...workerOptions.definitions, ...proxyOptions.definitions }),
  scheduler: schedulerOptions,
  manager: registryOptions,
  log: logOptions,
};

export type SectionName = keyof typeof sections;
export type Config = { [Section in SectionName]: ValuesOf<(typeof sections)[Section]> };

export const SECTIONS: readonly SectionName[] = ["server", "scheduler", "manager", "log"];

/** Values by section and key, over the defaults. Throws where one is not what its option takes. */
export function parseConfig(given: Readonly<Partial<Record<SectionName, Readonly<Record<string, unknown>>>>>): Config {
  return {
    server: sections.server.parse(given.server ?? {}),
    scheduler: sections.scheduler.parse(given.scheduler ?? {}),
    manager: sections.manager.parse(given.manager ?? {}),
    log: sections.log.parse(given.log ?? {}),
  };
}

export interface Option {
  readonly section: SectionName;
  readonly key: string;
  /** `section.key` */
  readonly path: string;
  readonly kind: OptionKind;
  /** Made when it is asked for. */
  readonly check: () => z.ZodMiniType;
  readonly defaultValue: unknown;
  /** Names that it may have; null when it is not a choice. */
  readonly choices: readonly string[] | null;
  /** In place of what the check's bounds tell; null when they tell all. */
  readonly wanted: string | null;
  readonly description: string;
  /** Variable of the environment. */
  readonly variable: string;
  readonly flag: string | null;
  /** Other names of the key, from early versions. */
  readonly formerKeys: readonly string[];
  /** A reload does not change it: see restart-keys.ts. */
  readonly needsRestart: boolean;
  /** Known to the Go program: see go-keys.ts. */
  readonly goKey: boolean;
  readonly secret: boolean;
  readonly caseSensitive: boolean;
}

export const OPTIONS: readonly Option[] = SECTIONS.flatMap((section) =>
  Object.entries<OptionDefinition<unknown>>(sections[section].definitions).map(([key, definition]) =>
    describeOption(section, key, definition),
  ),
);

const OPTIONS_BY_PATH: ReadonlyMap<string, Option> = new Map(OPTIONS.map((option) => [option.path, option]));

export function findOption(path: string): Option | undefined {
  return OPTIONS_BY_PATH.get(path);
}

function describeOption(section: SectionName, key: string, definition: OptionDefinition<unknown>): Option {
  const path = `${section}.${key}`;
  const { type, defaultValue, description, marks } = definition;
  return {
    section,
    key,
    path,
    kind: type.kind,
    check: () => type.check(),
    defaultValue,
    choices: type.choices,
    wanted: type.wanted,
    description,
    variable: `FD_ROUTER_${path.toUpperCase().replaceAll(/[.-]/g, "_")}`,
    flag: marks.flag ?? null,
    formerKeys: Object.keys(FORMER_KEYS)
      .filter((former) => FORMER_KEYS[former] === path)
      .map((former) => former.slice(section.length + 1)),
    goKey: GO_KEYS.has(path),
    needsRestart: RESTART_KEYS.has(path),
    secret: marks.secret ?? false,
    caseSensitive: marks.caseSensitive ?? false,
  };
}
