/** Command line of the mock: the real server's flags that mean something to a router, and the mock's own. Others are ignored. */
import { parseArgs } from "node:util";
import { parseFaultFlag, type Fault } from "./faults.ts";
import { PRESETS, type Preset, type PresetName } from "./timing.ts";
import { BLOCK_TOKENS } from "./tokens.ts";
import type { Role } from "../fleet/instance.ts";
import { ROLES } from "../fleet/instance.ts";

/** Which set of fields `/register` carries. */
export type PayloadVersion = "2.3" | "2.5" | "dev";
const PAYLOAD_VERSIONS: readonly PayloadVersion[] = ["2.3", "2.5", "dev"];

export interface MockEngineOptions {
  readonly host: string;
  readonly port: number;
  /** Null: `/metrics` on the API port. */
  readonly metricsPort: number | null;
  readonly model: string;
  readonly servedModelName: string | null;
  readonly role: Role;
  readonly rank: number;
  readonly tensorParallelSize: number;
  readonly maxModelLen: number;
  readonly maxNumSeqs: number;
  readonly maxNumBatchedTokens: number;
  readonly blocks: number;
  readonly prefixCaching: boolean;
  readonly maxConcurrency: number;
  readonly apiKeys: readonly string[];
  /** 0: no limit. */
  readonly gracefulShutdownSecs: number;
  readonly engineWorkerQueuePort: number | null;
  readonly connectorPort: number | null;
  readonly rdmaPorts: readonly number[];
  readonly transferProtocol: readonly string[];
  readonly deviceIds: readonly string[];
  /** FastDeploy's HTTP registration. */
  readonly router: string | null;
  readonly registerOnce: boolean;
  readonly registerIntervalSecs: number;
  readonly payloadVersion: PayloadVersion;
  readonly advertiseHost: string | null;
  /** msgpack registration, `host:port`. */
  readonly registration: string | null;
  readonly registrationToken: string | null;
  readonly weight: number;
  readonly preset: Preset;
  readonly timeScale: number;
  readonly seed: number;
  readonly meanOutputTokens: number;
  readonly loadSecs: number;
  /** Ends with status 0 when the load time is over, as the real server does when its model cannot be loaded. */
  readonly failLoad: boolean;
  readonly logDir: string | null;
  readonly faults: readonly Fault[];
}

const STRING_FLAGS = [
  ["host", "0.0.0.0"],
  ["port", "8000"],
  ["metrics-port", ""],
  ["model", "mock-model"],
  ["served-model-name", ""],
  ["splitwise-role", "mixed"],
  ["local-data-parallel-id", "0"],
  ["tensor-parallel-size", "1"],
  ["max-model-len", "32768"],
  ["max-num-seqs", ""],
  ["max-num-batched-tokens", "8192"],
  ["num-gpu-blocks-override", ""],
  ["max-concurrency", ""],
  ["timeout-graceful-shutdown", "0"],
  ["engine-worker-queue-port", ""],
  ["pd-comm-port", ""],
  ["rdma-comm-ports", ""],
  ["cache-transfer-protocol", "ipc,rdma"],
  ["router", ""],
  ["register-interval-secs", "5"],
  ["register-version", "dev"],
  ["advertise-host", ""],
  ["registration", ""],
  ["registration-token", ""],
  ["weight", "1"],
  ["preset", "small"],
  ["time-scale", "1"],
  ["seed", "1"],
  ["mean-output-tokens", "128"],
  ["load-secs", "0"],
] as const;
type StringFlag = (typeof STRING_FLAGS)[number][0];

const BOOLEAN_FLAGS = [
  "enable-prefix-caching",
  "no-enable-prefix-caching",
  "register-once",
  "load-fail",
  "help",
] as const;
const REPEATED_FLAGS = ["api-key", "fault"] as const;

export type ParsedCommandLine =
  | { readonly kind: "help" }
  | { readonly kind: "run"; readonly options: MockEngineOptions; readonly ignored: readonly string[] };

type Environment = Readonly<Record<string, string | undefined>>;

/** Throws an Error that names the flag and what it wants. */
export function parseCommandLine(args: readonly string[], env: Environment): ParsedCommandLine {
  const { values, tokens } = parseArgs({
    args: [...args],
    strict: false,
    tokens: true,
    options: {
      ...Object.fromEntries(STRING_FLAGS.map(([name]) => [name, { type: "string" as const }])),
      ...Object.fromEntries(BOOLEAN_FLAGS.map((name) => [name, { type: "boolean" as const }])),
      ...Object.fromEntries(REPEATED_FLAGS.map((name) => [name, { type: "string" as const, multiple: true }])),
      help: { type: "boolean", short: "h" },
    },
  });
  if (values["help"] === true) return { kind: "help" };
  const known = new Set<string>([...STRING_FLAGS.map(([name]) => name), ...BOOLEAN_FLAGS, ...REPEATED_FLAGS]);
  // A negative value of an unknown flag looks like a short one.
  const ignored = tokens.flatMap((token) =>
    token.kind === "option" && token.rawName.startsWith("--") && !known.has(token.name) ? [token.rawName] : [],
  );
  return { kind: "run", options: buildOptions(new Flags(values), env), ignored };
}

/** Defaults with some options replaced: for tests and programs that start a mock inside themselves. */
export function mockEngineOptions(overrides: Partial<MockEngineOptions>): MockEngineOptions {
  return { ...buildOptions(new Flags({}), {}), host: "127.0.0.1", port: 0, ...overrides };
}

/** `--metrics-port` absent or equal to `--port`. */
export function metricsOnApiPort({ metricsPort, port }: MockEngineOptions): boolean {
  return metricsPort === null || (metricsPort === port && port !== 0);
}

function buildOptions(flags: Flags, env: Environment): MockEngineOptions {
  const preset = PRESETS[flags.oneOf<PresetName>("preset", ["small", "moe-21b", "moe-300b"])];
  const role = flags.oneOf<Role>("splitwise-role", ROLES);
  const rank = flags.whole("local-data-parallel-id");
  const tensorParallelSize = flags.whole("tensor-parallel-size");
  const blocks = flags.wholeOrNull("num-gpu-blocks-override") ?? preset.blocks;
  const multiApi = env["FD_ENABLE_MULTI_API_SERVER"] === "1";
  const devices = (env["CUDA_VISIBLE_DEVICES"] ?? "").split(",").filter((id) => id !== "");
  const ranksDevices = (all: readonly string[]): string[] =>
    all.slice(rank * tensorParallelSize, (rank + 1) * tensorParallelSize);
  const allDevices = devices.length > 0 ? devices : countUp((rank + 1) * tensorParallelSize);
  return {
    host: flags.text("host"),
    port: flags.whole("port"),
    metricsPort: flags.wholeOrNull("metrics-port"),
    model: flags.text("model"),
    servedModelName: flags.textOrNull("served-model-name"),
    role,
    rank,
    tensorParallelSize,
    // A request that fills all blocks could not be kept even alone.
    maxModelLen: Math.min(flags.whole("max-model-len"), (blocks - 4) * BLOCK_TOKENS),
    maxNumSeqs: flags.wholeOrNull("max-num-seqs") ?? preset.maxNumSeqs,
    maxNumBatchedTokens: flags.whole("max-num-batched-tokens"),
    blocks,
    // A decode server has no use for one: its prompts are computed elsewhere.
    prefixCaching: !flags.has("no-enable-prefix-caching") && role !== "decode",
    maxConcurrency: flags.wholeOrNull("max-concurrency") ?? (multiApi ? 512 : 2048),
    apiKeys: flags.list("api-key", env["FD_API_KEY"]),
    gracefulShutdownSecs: flags.number("timeout-graceful-shutdown"),
    engineWorkerQueuePort: flags.portOfRank("engine-worker-queue-port", rank),
    connectorPort: flags.portOfRank("pd-comm-port", rank),
    rdmaPorts: ranksDevices(flags.commaList("rdma-comm-ports")).map(Number),
    transferProtocol: flags.commaList("cache-transfer-protocol"),
    deviceIds: ranksDevices(allDevices),
    router: flags.textOrNull("router"),
    registerOnce: flags.has("register-once"),
    registerIntervalSecs: flags.number("register-interval-secs"),
    payloadVersion: flags.oneOf<PayloadVersion>("register-version", PAYLOAD_VERSIONS),
    advertiseHost: flags.textOrNull("advertise-host"),
    registration: flags.textOrNull("registration"),
    registrationToken: flags.textOrNull("registration-token"),
    weight: flags.number("weight"),
    preset,
    timeScale: flags.number("time-scale"),
    seed: flags.whole("seed"),
    meanOutputTokens: flags.number("mean-output-tokens"),
    loadSecs: flags.number("load-secs"),
    failLoad: flags.has("load-fail"),
    logDir: env["FD_LOG_DIR"] ?? null,
    faults: flags.list("fault").map(parseFaultFlag),
  };
}

class Flags {
  readonly #values: Readonly<Record<string, unknown>>;

  constructor(values: Readonly<Record<string, unknown>>) {
    this.#values = values;
  }

  has(name: (typeof BOOLEAN_FLAGS)[number]): boolean {
    return this.#values[name] === true;
  }

  text(name: StringFlag): string {
    const value = this.#values[name];
    if (value === true) throw new Error(`flag --${name} wants a value`);
    return typeof value === "string" ? value : (STRING_FLAGS.find(([flag]) => flag === name)?.[1] ?? "");
  }

  textOrNull(name: StringFlag): string | null {
    const text = this.text(name);
    return text === "" ? null : text;
  }

  number(name: StringFlag): number {
    const text = this.text(name);
    const value = Number(text);
    if (text === "" || !Number.isFinite(value) || value < 0)
      throw new Error(`flag --${name} wants a number, not "${text}"`);
    return value;
  }

  whole(name: StringFlag): number {
    const value = this.number(name);
    if (!Number.isInteger(value)) throw new Error(`flag --${name} wants a whole number, not "${value}"`);
    return value;
  }

  /** Null when absent, or -1, by which the real server says "off". */
  wholeOrNull(name: StringFlag): number | null {
    const text = this.text(name);
    return text === "" || text === "-1" ? null : this.whole(name);
  }

  oneOf<T extends string>(name: StringFlag, allowed: readonly T[]): T {
    const text = this.text(name);
    const found = allowed.find((value) => value === text);
    if (found === undefined) throw new Error(`flag --${name} wants one of ${allowed.join(", ")}, not "${text}"`);
    return found;
  }

  commaList(name: StringFlag): string[] {
    return splitCommas(this.text(name));
  }

  /** Every rank is given the ports of all and takes its own. */
  portOfRank(name: StringFlag, rank: number): number | null {
    const ports = this.commaList(name);
    const port = ports[rank] ?? (ports.length === 1 ? ports[0] : undefined);
    return port === undefined ? null : Number(port);
  }

  list(name: (typeof REPEATED_FLAGS)[number], fallback = ""): string[] {
    const value = this.#values[name];
    return Array.isArray(value) ? value.filter((item) => typeof item === "string") : splitCommas(fallback);
  }
}

function splitCommas(text: string): string[] {
  return text
    .split(",")
    .map((item) => item.trim())
    .filter((item) => item !== "");
}

function countUp(count: number): string[] {
  return Array.from({ length: count }, (_, i) => String(i));
}
