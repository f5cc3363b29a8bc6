/**
 * Every option of `fd-router launch`, once: flags, keys of fleet.yaml, help and defaults come from here.
 * A group's options are the same on the command line (one group) and in fleet.yaml (several).
 */
import { z } from "zod";
import { ROLES } from "../fleet/instance.ts";
import { splitWords } from "./command-words.ts";

const MAX_SERVERS = 1024;
const secs = (): z.ZodNumber => z.number().min(0).max(86_400);

/** In place of `--registration-token`, which every user of the host can see; the router reads the same one. */
export const TOKEN_VARIABLE = "FD_ROUTER_MANAGER_REGISTRATION_TOKEN";

/** `auto`: free ports are chosen; `off`: none (written -1, as FastDeploy does). */
export type PortList = readonly number[] | "auto" | "off";

export const portList = z
  .union([z.string(), z.number(), z.array(z.number())], "wanted a list of ports, or `auto`")
  .transform((value, context): PortList => {
    if (value === "auto") return "auto";
    if (value === -1 || value === "-1") return "off";
    const items = typeof value === "string" ? value.split(",").map((item) => item.trim()) : [value].flat().map(String);
    const wrong = items.find((item) => !/^\d{1,5}$/.test(item) || Number(item) < 1 || Number(item) > 65_535);
    if (wrong === undefined) return items.map(Number);
    context.addIssue({ code: "custom", message: `"${wrong}" is not a port from 1 to 65535` });
    return z.NEVER;
  });

const deviceList = z
  .union([z.string(), z.number(), z.array(z.union([z.string(), z.number()]))], "wanted a list of device ids")
  .transform((value, context): readonly string[] => {
    const items = (typeof value === "string" ? value.split(",") : [value].flat()).map((item) => String(item).trim());
    if (items.every((item) => item !== "")) return items;
    context.addIssue({ code: "custom", message: "has an empty item; wanted device ids with commas between" });
    return z.NEVER;
  });

export const words = z
  .union([z.string(), z.array(z.union([z.string(), z.number()]))], "wanted text, or a list of words")
  .transform((value, context) => {
    if (typeof value !== "string") return value.map(String);
    const split = splitWords(value);
    if (split.ok) return split.words;
    context.addIssue({ code: "custom", message: split.problem });
    return z.NEVER;
  });

const address = z.string().transform((value, context): Address => {
  const parsed = parseAddress(value);
  if (parsed !== null) return parsed;
  context.addIssue({ code: "custom", message: "wanted HOST:PORT" });
  return z.NEVER;
});

/** At least one, with commas between. */
export const addressList = z.string().transform((value, context): readonly Address[] => {
  const items = value.split(",").map((item) => item.trim());
  const wrong = items.find((item) => parseAddress(item) === null);
  if (wrong === undefined) return items.flatMap((item) => parseAddress(item) ?? []);
  context.addIssue({ code: "custom", message: `"${wrong}" is not HOST:PORT` });
  return z.NEVER;
});

export interface Address {
  /** Without brackets. */
  readonly host: string;
  readonly port: number;
}

export const groupOptions = z.object({
  "num-servers": z.int().min(1).max(MAX_SERVERS).default(2).describe("Number of servers"),
  ports: portList.optional().describe("API port of each server; `auto` chooses free ones (default 8000,8002,…)"),
  "metrics-ports": portList.default("off").describe("Metrics port of each server; -1: on the API port; `auto`"),
  "controller-ports": portList.default("off").describe("Controller port of each server; -1: none; `auto`"),
  command: words
    .optional()
    .describe("Program to start instead of FastDeploy's api_server; {port} {metrics_port} {index} {gpus} are replaced"),
  kind: z
    .enum(["data-parallel", "replicas"])
    .optional()
    .describe(
      "data-parallel: one engine, restarted as a whole; replicas: independent servers, restarted singly " +
        "(default: data-parallel, with --command replicas)",
    ),
  gpus: deviceList.optional().describe("GPUs of the group (default: CUDA_VISIBLE_DEVICES); replicas share them out"),
  role: z.enum(ROLES).optional().describe("Role to register (default: --splitwise-role of the servers, else mixed)"),
  weight: z.number().min(0.01).max(100).default(1).describe("Relative capacity of each server"),
  "max-in-flight": z
    .int()
    .min(1)
    .max(1_000_000)
    .optional()
    .describe("Requests that the router sends to one server at once, at most"),
  "served-model": z.string().min(1).max(256).optional().describe("Model name to register (default: serves every name)"),
});
export type GroupOptions = z.infer<typeof groupOptions> & {
  readonly name: string;
  /** Arguments of every server, as they stand after `--args`. */
  readonly args: readonly string[];
  /** Folder under FD_LOG_DIR for the group's own log folders; empty for the one group of a command line, as FastDeploy does. */
  readonly logFolder: string;
  /** Added to the servers' environment. */
  readonly env: Readonly<Record<string, string>>;
};

export const launchOptions = z.object({
  fleet: z.string().min(1).optional().describe("fleet.yaml with several groups, instead of the flags of one group"),
  python: z.string().min(1).default("python").describe("Python interpreter that has FastDeploy"),
  router: address.optional().describe("HTTP address of the router to register with, HOST:PORT"),
  registration: address.optional().describe("Its registration address (default: the router's port + 1)"),
  "registration-token": z
    .string()
    .min(1)
    .optional()
    .describe(`Shared secret of the registration channel (better: ${TOKEN_VARIABLE} in the environment)`),
  "advertise-host": z.string().min(1).optional().describe("Address of this host as the router reaches it"),
  "with-router": z.boolean().default(false).describe("Start the router as well, on --router (default 0.0.0.0:9000)"),
  "router-args": words.default([]).describe("More arguments of that router, in quotes"),
  "stagger-secs": secs().default(0).describe("Pause between the starts of two units; 0 starts all at once"),
  "start-limit-secs": secs().default(900).describe("Time that a server may take to become healthy"),
  "health-path": z
    .string()
    .startsWith("/", 'wanted a path that begins with "/"')
    .default("/health")
    .describe("Path that answers 200 when a server is well"),
  "health-interval-secs": secs().min(0.05).default(2).describe("Pause between two health probes of a server"),
  "health-timeout-secs": secs().min(0.05).default(3).describe("Time that a health probe may take"),
  "hang-limit-secs": secs().min(0.1).default(45).describe("A running server without a good probe for so long is hung"),
  "report-interval-secs": secs().min(0.05).default(1).describe("Pause between two looks at a server's /metrics"),
  restart: z.enum(["always", "never"]).default("always").describe("Whether servers that died or hang are restarted"),
  "restart-delay-secs": secs().default(1).describe("Pause before the first restart; doubles with each crash"),
  "restart-delay-max-secs": secs().default(60).describe("Longest pause before a restart"),
  "crash-limit": z
    .int()
    .min(1)
    .default(5)
    .describe("Crashes within --crash-window-secs after which a unit is given up"),
  "crash-window-secs": secs().default(1800).describe("Time over which crashes are counted"),
  "drain-secs": secs().default(300).describe("Time that requests under way may take before a planned stop"),
  "grace-secs": secs().default(30).describe("Time between SIGTERM and SIGKILL of a server"),
  output: z
    .enum(["prefix", "files", "both", "none"])
    .default("prefix")
    .describe("Where the servers' output goes: to ours with a prefix, to one file a server, both, nowhere"),
  "log-dir": z.string().min(1).optional().describe("Folder of those files (default: FD_LOG_DIR, else log)"),
  "log-max-mib": z.number().gt(0).default(64).describe("Size at which such a file is rotated, MiB"),
  "log-keep": z.int().min(0).default(5).describe("Rotated files kept of each server"),
  board: z.enum(["auto", "always", "never"]).default("auto").describe("Live board on a terminal"),
  "status-host": z.string().min(1).default("127.0.0.1").describe("Address of the status port"),
  "status-port": z.int().min(0).max(65_535).optional().describe("Port of /status (JSON) and /metrics; 0 chooses one"),
  "pid-file": z.string().min(1).optional().describe("Where our pid is kept (default: fd-router-launch.pid in log-dir)"),
  "rolling-restart": z.boolean().default(false).describe("Ask the running launcher for a rolling restart, and exit"),
  "dry-run": z.boolean().default(false).describe("Print what would be started, and exit"),
});
export type LaunchOptions = z.infer<typeof launchOptions>;

/** `HOST:PORT`, `[IPv6]:PORT`, also as a URL without a path, which FastDeploy's `--router` takes. */
function parseAddress(value: string): Address | null {
  const match = /^(?:http:\/\/)?(\[[0-9a-fA-F:.]+\]|[^:/[\]\s]+):(\d{1,5})\/?$/.exec(value);
  const port = Number(match?.[2]);
  const host = match?.[1]?.replace(/^\[|\]$/g, "");
  return host !== undefined && port >= 1 && port <= 65_535 ? { host, port } : null;
}
