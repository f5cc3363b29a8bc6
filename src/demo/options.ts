/** The demo's flags: one schema gives check, default and help. Read by commands/demo.ts. */
import { parseArgs } from "node:util";
import { z } from "zod";
import { suggest } from "../lib/nearest.ts";
import { UsageError } from "./usage-error.ts";

const flags = z.object({
  trace: z
    .string()
    .optional()
    .describe("FILE  Trace to replay: Azure CSV, ServeGen CSV or Mooncake JSON lines; else a synthetic one"),
  policies: z.string().default("p2c,random,round_robin").describe("LIST  Policies to compare, each on a fresh fleet"),
  instances: whole(1, 256).default(8).describe("N  Mock engines to start"),
  workers: whole(1, 64).default(2).describe("N  Worker threads of the router"),
  load: decimal(0.01, 5)
    .default(0.85)
    .describe("SHARE  How busy the fleet is to be; the trace's rate is scaled to give it"),
  "duration-secs": decimal(0.5, 3600).default(12).describe("SECS  Wall time of the arrivals, for each policy"),
  "time-scale": decimal(0.1, 100).default(5).describe("X  How much faster than real servers the mock engines run"),
  seed: whole(0, 4294967295).default(1).describe("N  Seed of the synthetic trace"),
  router: z.string().optional().describe("URL  Replay against this running router; start nothing"),
  json: z.boolean().default(false).describe("  Print one JSON object on stdout, and nothing else there"),
});

export interface DemoOptions {
  readonly trace: string | null;
  readonly policies: readonly string[];
  readonly instances: number;
  readonly workers: number;
  readonly load: number;
  readonly durationMs: number;
  readonly timeScale: number;
  readonly seed: number;
  readonly router: URL | null;
  readonly json: boolean;
}

/** Null when help is asked for. `known`: names of the scheduling policies. Throws UsageError. */
export function readDemoOptions(args: readonly string[], known: readonly string[]): DemoOptions | null {
  const values = parse(args);
  if (values["help"] === true) return null;
  const checked = flags.safeParse(values);
  if (!checked.success) {
    const issue = checked.error.issues[0];
    const name = String(issue?.path[0] ?? "");
    throw new UsageError(`--${name} is ${JSON.stringify(values[name])}: ${issue?.message ?? "not valid"}`);
  }
  const { trace, router, policies, "duration-secs": durationSecs, "time-scale": timeScale, ...rest } = checked.data;
  return {
    ...rest,
    trace: trace ?? null,
    policies: router === undefined ? policyNames(policies, known) : ["router"],
    durationMs: durationSecs * 1000,
    // A router that runs already is taken to have real engines, unless told otherwise.
    timeScale: router === undefined || values["time-scale"] !== undefined ? timeScale : 1,
    router: router === undefined ? null : routerUrl(router),
  };
}

export function demoHelp(program: string): string {
  const lines = Object.entries(flags.shape).map(([name, schema]) => {
    const [value = "", ...text] = (schema.description ?? "").split("  ");
    const fallback = schema.safeParse(undefined).data;
    const shown = fallback === undefined || fallback === false ? "" : ` [${String(fallback)}]`;
    return `  ${`--${name} ${value}`.padEnd(22)}${text.join("  ")}${shown}`;
  });
  return [
    `${program} demo: starts a router and mock engines on this machine, replays a request trace for each`,
    "scheduling policy, and reports how long users would have waited.",
    "",
    `Usage: ${program} demo [flags]`,
    "",
    ...lines,
    "",
    "Examples",
    `  ${program} demo                                 compare three policies, in under a minute`,
    `  ${program} demo --trace azure2023_conv.csv      the same on recorded arrivals and lengths`,
    `  ${program} demo --policies p2c,cache_aware --trace mooncake_conversation.jsonl --load 0.6`,
    `  ${program} demo --json --duration-secs 5 | jq .policies.p2c.ttft_ms`,
    `  ${program} demo --router http://127.0.0.1:8080 --load 0.3    load a router that runs already`,
    "",
    "Exit status: 0 all answered, 1 a request failed, 2 wrong flags or trace, 130 interrupted.",
    "",
  ].join("\n");
}

function parse(args: readonly string[]): Record<string, string | boolean | undefined> {
  const kinds = Object.keys(flags.shape).map((name) => {
    const type = name === "json" ? ("boolean" as const) : ("string" as const);
    return [name, { type }] as const;
  });
  const help = { type: "boolean", short: "h" } as const;
  const known = ["help", ...Object.keys(flags.shape)].map((name) => `--${name}`);
  const wrong = args.map((arg) => arg.replace(/=.*$/s, "")).find((arg) => arg.startsWith("--") && !known.includes(arg));
  if (wrong !== undefined) throw new UsageError(`unknown flag ${wrong}${suggest(wrong, known)}`);
  try {
    return parseArgs({ args: [...args], options: { ...Object.fromEntries(kinds), help }, strict: true }).values;
  } catch (cause) {
    throw new UsageError(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

function policyNames(list: string, known: readonly string[]): readonly string[] {
  const names = list.split(",").map((name) => name.trim());
  const wrong = names.find((name) => !known.includes(name));
  if (wrong !== undefined) {
    const near = suggest(wrong, known);
    throw new UsageError(`--policies has ${JSON.stringify(wrong)}: expected names out of ${known.join(", ")}${near}`);
  }
  if (new Set(names).size < names.length) {
    throw new UsageError(`--policies is ${JSON.stringify(list)}: expected each name once`);
  }
  return names;
}

function routerUrl(text: string): URL {
  const url = URL.parse(/^https?:\/\//.test(text) ? text : `http://${text}`);
  if (url === null || url.pathname !== "/") {
    throw new UsageError(`--router is ${JSON.stringify(text)}: expected a URL such as http://127.0.0.1:8080`);
  }
  return url;
}

function whole(min: number, max: number): z.ZodCoercedNumber {
  const error = `expected a whole number from ${min} to ${max}`;
  return z.coerce.number(error).int(error).min(min, error).max(max, error);
}

function decimal(min: number, max: number): z.ZodCoercedNumber {
  const error = `expected a number from ${min} to ${max}`;
  return z.coerce.number(error).min(min, error).max(max, error);
}
