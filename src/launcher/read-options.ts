/** argv -> checked options, help text, or one message that names the flag and the value. Called by the commands launch and agent. */
import { z } from "zod";
import { type Arguments, type Flag, parseArguments } from "./arguments.ts";
import { readFleetFile } from "./fleet-file.ts";
import { type GroupOptions, groupOptions, type LaunchOptions, launchOptions } from "./options.ts";
import { isNumeric, type Property, propertySchema, wantedText } from "./wanted.ts";

const ESTABLISHED: ReadonlySet<string> = new Set([
  "ports",
  "num-servers",
  "metrics-ports",
  "controller-ports",
  "args",
  "help",
]);

export type ReadOptions =
  | { readonly kind: "options"; readonly launch: LaunchOptions; readonly groups: readonly GroupOptions[] }
  | { readonly kind: "help"; readonly text: string }
  | { readonly kind: "problem"; readonly message: string };

export function readOptions(argv: readonly string[]): ReadOptions {
  const parsed = parseArguments(argv, [
    ...flagsOf(groupOptions),
    ...flagsOf(launchOptions),
    flag("args", true),
    flag("help", false),
  ]);
  if (parsed.kind === "problem") return parsed;
  if (parsed.kind === "help") return { kind: "help", text: helpText() };
  return parsed.values.has("fleet") ? readFleet(parsed) : readOneGroup(parsed);
}

type Given = Extract<Arguments, { readonly kind: "given" }>;

function readOneGroup({ values, rest }: Given): ReadOptions {
  const launch = check(launchOptions, values);
  if (launch.kind === "problem") return launch;
  const group = check(groupOptions, values);
  if (group.kind === "problem") return group;
  const only = { ...group.value, name: "server", args: rest ?? [], logFolder: "", env: {} };
  return { kind: "options", launch: launch.value, groups: [only] };
}

/** Flags go before what the file says. */
function readFleet({ values, rest }: Given): ReadOptions {
  const path = String(values.get("fleet"));
  const ofGroup = [...values.keys()].find((name) => Object.hasOwn(groupOptions.shape, name));
  if (ofGroup !== undefined || rest !== null) {
    return { kind: "problem", message: `--${ofGroup ?? "args"}: not together with --fleet; wanted in ${path}` };
  }
  const file = readFleetFile(path);
  if (!file.ok) return { kind: "problem", message: file.problems.join("\n") };
  const launch = check(launchOptions, values, file.given);
  if (launch.kind === "problem") return launch;
  return { kind: "options", launch: launch.value, groups: file.groups };
}

/** The values of one schema among those given, checked, over `defaults`; the first issue becomes the message. */
export function check<T extends z.ZodObject>(
  schema: T,
  values: ReadonlyMap<string, string | true>,
  defaults: Readonly<Record<string, unknown>> = {},
): { readonly kind: "value"; readonly value: z.infer<T> } | { readonly kind: "problem"; readonly message: string } {
  const input: Record<string, unknown> = { ...defaults };
  const known = new Map(properties(schema));
  const problem = (name: string, text: string): { readonly kind: "problem"; readonly message: string } => {
    const given = String(values.get(name));
    const property = known.get(name);
    const wanted = property === undefined ? null : wantedText(property, given);
    return { kind: "problem", message: `--${name} ${given}: ${wanted ?? text}` };
  };
  for (const [name, value] of values) {
    const property = known.get(name);
    if (property === undefined) continue;
    const numeric = isNumeric(property);
    if (numeric && !/^[+-]?(\d+\.?\d*|\.\d+)$/.test(String(value))) return problem(name, "is not a number");
    input[name] = numeric ? Number(value) : value;
  }
  const result = schema.safeParse(input);
  if (result.success) return { kind: "value", value: result.data };
  const [issue] = result.error.issues;
  return problem(String(issue?.path[0]), issue?.message ?? "invalid");
}

export function flagsOf(schema: z.ZodObject): readonly Flag[] {
  return properties(schema).map(([name, property]) => flag(name, property.type !== "boolean"));
}

/** One line a flag, defaults and units from the schema. */
export function describeFlags(schema: z.ZodObject): string {
  return properties(schema)
    .map(([name, property]) => {
      const head = property.type === "boolean" ? `--${name}` : `--${name} ${name.endsWith("-secs") ? "SECS" : "VALUE"}`;
      return `  ${head.padEnd(32)}${property.description ?? ""}${shownDefault(property.default)}`;
    })
    .join("\n");
}

function shownDefault(initial: unknown): string {
  return (typeof initial === "string" && initial !== "off") || typeof initial === "number"
    ? ` (default ${initial})`
    : "";
}

function helpText(): string {
  return [
    "Usage: fd-router launch [flags] --args [arguments of every server]",
    "       fd-router launch --fleet fleet.yaml [flags]",
    "",
    "Starts a fleet of FastDeploy servers as multi_api_server does, watches over it and registers it with a router.",
    "",
    "The servers:",
    describeFlags(groupOptions),
    `  ${"--args ...".padEnd(32)}Arguments of every server: takes the rest of the line`,
    "",
    "The launcher:",
    describeFlags(launchOptions),
    "",
  ].join("\n");
}

function properties(schema: z.ZodObject): readonly (readonly [string, Property])[] {
  const json = z.toJSONSchema(schema, { io: "input" });
  return Object.entries(json.properties ?? {}).map(([name, property]) => [name, propertySchema.parse(property)]);
}

export function flag(name: string, takesValue: boolean): Flag {
  return { name, takesValue, established: ESTABLISHED.has(name) };
}
