/**
 * The whole configuration: the parts' option schemas under the four sections of config.yaml, and the flat table of options that
 * everything else here is made from (file, environment, flags, help, docs).
 */
import { z } from "zod";
import { FORMER_KEYS, GO_KEYS } from "./go-keys.ts";
import { RESTART_KEYS } from "./restart-keys.ts";
import { logOptions } from "../log/options.ts";
import { proxyOptions } from "../proxy/options.ts";
import { registryOptions } from "../registry/options.ts";
import { schedulerOptions } from "../scheduler/options.ts";
import { workerOptions } from "../worker/options.ts";

export const configSchema = z.object({
  server: z.object({ ...workerOptions.shape, ...proxyOptions.shape }),
  scheduler: schedulerOptions,
  manager: registryOptions,
  log: logOptions,
});

export type Config = z.infer<typeof configSchema>;
export type SectionName = keyof Config;

/** How a value is written; the names of Go's types, since error messages use them. */
export type OptionKind = "string" | "int" | "float64" | "bool" | "list";

export interface Option {
  readonly section: SectionName;
  readonly key: string;
  /** `section.key` */
  readonly path: string;
  readonly kind: OptionKind;
  readonly schema: z.ZodType;
  readonly defaultValue: unknown;
  /** Names that it may have; null when it is not a choice. */
  readonly choices: readonly string[] | null;
  /** In place of what the schema's bounds tell; null when they tell all. */
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

export const SECTIONS: readonly SectionName[] = ["server", "scheduler", "manager", "log"];

/** The draft is named once for the whole schema; the others are `GlobalMeta` of lib/option-types.ts. */
const NOT_OF_JSON_SCHEMA: ReadonlySet<string> = new Set([
  "$schema",
  "~standard",
  "flag",
  "wanted",
  "secret",
  "caseSensitive",
]);

export const OPTIONS: readonly Option[] = SECTIONS.flatMap((section) =>
  Object.entries<z.ZodType>(configSchema.shape[section].shape).map(([key, schema]) =>
    describeOption(section, key, schema),
  ),
);

const OPTIONS_BY_PATH: ReadonlyMap<string, Option> = new Map(OPTIONS.map((option) => [option.path, option]));

export function findOption(path: string): Option | undefined {
  return OPTIONS_BY_PATH.get(path);
}

/** Reads a schema once; a kind of schema that cannot be written in a file or flag is a mistake of ours and throws. */
export function describeOption(section: SectionName, key: string, schema: z.ZodType): Option {
  const path = `${section}.${key}`;
  const { inner, meta, defaultValue } = unwrap(schema);
  return Object.freeze({
    section,
    key,
    path,
    kind: kindOf(path, inner),
    schema,
    defaultValue,
    choices: inner instanceof z.ZodEnum ? inner.options.map(String) : null,
    wanted: meta.wanted ?? null,
    description: meta.description ?? "",
    variable: `FD_ROUTER_${path.toUpperCase().replaceAll(/[.-]/g, "_")}`,
    flag: meta.flag ?? null,
    formerKeys: Object.keys(FORMER_KEYS)
      .filter((former) => FORMER_KEYS[former] === path)
      .map((former) => former.slice(section.length + 1)),
    goKey: GO_KEYS.has(path),
    needsRestart: RESTART_KEYS.has(path),
    secret: meta.secret ?? false,
    caseSensitive: meta.caseSensitive ?? false,
  });
}

/** The option as JSON Schema, without our own marks in the metadata. */
export function jsonSchemaOf(schema: z.ZodType): Readonly<Record<string, unknown>> {
  const json = z.toJSONSchema(schema, { io: "input" });
  return Object.fromEntries(Object.entries(json).filter(([name]) => !NOT_OF_JSON_SCHEMA.has(name)));
}

/** By hand, since a JSON Schema of every option costs each start 12 ms. */
function unwrap(schema: z.ZodType): { inner: z.ZodType; meta: z.GlobalMeta; defaultValue: unknown } {
  const meta = schema.meta() ?? {};
  const inner = schema instanceof z.ZodDefault ? schema.unwrap() : schema instanceof z.ZodPipe ? schema.in : null;
  // What a default or a transformation stands around is of zod's classes, as is all that option-types.ts makes.
  if (!(inner instanceof z.ZodType)) return { inner: schema, meta, defaultValue: undefined };
  const below = unwrap(inner);
  const defaultValue = schema instanceof z.ZodDefault ? schema.def.defaultValue : below.defaultValue;
  return { inner: below.inner, meta: { ...below.meta, ...meta }, defaultValue };
}

function kindOf(path: string, inner: z.ZodType): OptionKind {
  if (inner instanceof z.ZodString || inner instanceof z.ZodEnum) return "string";
  if (inner instanceof z.ZodBoolean) return "bool";
  if (inner instanceof z.ZodNumber) return inner.format === "safeint" ? "int" : "float64";
  if (inner instanceof z.ZodArray && inner.element instanceof z.ZodString) return "list";
  throw new Error(`${path}: an option must be text, choice, number, boolean or a list of texts with a default`);
}
