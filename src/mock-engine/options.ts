/** Command line of the mock: the real server's flags that mean something to a router, and the mock's own. Others are ignored. */
import { parseArgs } from "node:util";
import { suggest } from "../lib/nearest.ts";
import { parseFaultFlag, type Fault } from "./faults.ts";
import { type Address, BOOLEAN_FLAGS, Flags, REPEATED_FLAGS, splitCommas, STRING_FLAGS } from "./flags.ts";
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
  /** msgpack registration. */
  readonly registration: Address | null;
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
  const known = new Set<string>(
    [...STRING_FLAGS.map(([name]) => name), ...BOOLEAN_FLAGS, ...REPEATED_FLAGS].map((name) => `--${name}`),
  );
  // A negative value of an unknown flag looks like a short one.
  const ignored = tokens.flatMap((token) =>
    token.kind === "option" && token.rawName.startsWith("--") && !known.has(token.rawName)
      ? [token.rawName + suggest(token.rawName, known)]
      : [],
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
  return { ...serverFlags(flags, env), ...engineFlags(flags), ...placeFlags(flags, env), ...mockFlags(flags, env) };
}

/** What the HTTP server is. */
function serverFlags(flags: Flags, env: Environment) {
  const multiApi = env["FD_ENABLE_MULTI_API_SERVER"] === "1";
  return {
    host: flags.text("host"),
    port: flags.port("port"),
    metricsPort: flags.portOrNull("metrics-port"),
    model: flags.text("model"),
    servedModelName: flags.textOrNull("served-model-name"),
    maxConcurrency: flags.wholeOrNull("max-concurrency") ?? (multiApi ? 512 : 2048),
    apiKeys: flags.list("api-key", env["FD_API_KEY"]),
    gracefulShutdownSecs: flags.number("timeout-graceful-shutdown"),
  };
}

const SPARE_BLOCKS = 4;
const MIN_BLOCKS = 2 * SPARE_BLOCKS;

/** What the engine can hold, and how fast it is. */
function engineFlags(flags: Flags) {
  const preset: Preset = PRESETS[flags.oneOf<PresetName>("preset", ["small", "moe-21b", "moe-300b"])];
  const blocks = flags.wholeOrNull("num-gpu-blocks-override") ?? preset.blocks;
  const role = flags.oneOf<Role>("splitwise-role", ROLES);
  const maxNumSeqs = flags.wholeOrNull("max-num-seqs") ?? preset.maxNumSeqs;
  if (maxNumSeqs === 0) throw new Error("flag --max-num-seqs wants a number above 0");
  if (blocks < MIN_BLOCKS)
    throw new Error(`flag --num-gpu-blocks-override wants at least ${MIN_BLOCKS}, not ${blocks}`);
  return {
    preset,
    blocks,
    role,
    // A request that fills all blocks could not be kept even alone.
    maxModelLen: Math.min(flags.whole("max-model-len"), (blocks - SPARE_BLOCKS) * BLOCK_TOKENS),
    maxNumSeqs,
    // Every request in the batch needs at least one token of the budget.
    maxNumBatchedTokens: Math.max(flags.whole("max-num-batched-tokens"), maxNumSeqs),
    // A decode server has no use for one: its prompts are computed elsewhere.
    prefixCaching: !flags.has("no-enable-prefix-caching") && role !== "decode",
    timeScale: flags.positive("time-scale"),
    seed: flags.whole("seed"),
    meanOutputTokens: flags.positive("mean-output-tokens"),
  };
}

/** Its place in the fleet: rank, devices, ports, routers. Lists hold the values of all ranks. */
function placeFlags(flags: Flags, env: Environment) {
  const rank = flags.whole("local-data-parallel-id");
  const tensorParallelSize = flags.whole("tensor-parallel-size");
  const visible = splitCommas(env["CUDA_VISIBLE_DEVICES"] ?? "");
  const devices = visible.length > 0 ? visible : countUp((rank + 1) * tensorParallelSize);
  const own = (all: readonly string[]): string[] =>
    all.slice(rank * tensorParallelSize, (rank + 1) * tensorParallelSize);
  return {
    rank,
    tensorParallelSize,
    deviceIds: own(devices),
    engineWorkerQueuePort: flags.portOfRank("engine-worker-queue-port", rank),
    connectorPort: flags.portOfRank("pd-comm-port", rank),
    rdmaPorts: own(flags.commaList("rdma-comm-ports")).map(Number),
    transferProtocol: flags.commaList("cache-transfer-protocol"),
    router: flags.textOrNull("router"),
    registerOnce: flags.has("register-once"),
    registerIntervalSecs: flags.number("register-interval-secs"),
    payloadVersion: flags.oneOf<PayloadVersion>("register-version", PAYLOAD_VERSIONS),
    advertiseHost: flags.textOrNull("advertise-host"),
    registration: flags.addressOrNull("registration"),
    registrationToken: flags.textOrNull("registration-token"),
    weight: flags.positive("weight"),
  };
}

/** How the mock starts and misbehaves. */
function mockFlags(flags: Flags, env: Environment) {
  return {
    loadSecs: flags.number("load-secs"),
    failLoad: flags.has("load-fail"),
    logDir: env["FD_LOG_DIR"] ?? null,
    faults: flags.list("fault").map(parseFaultFlag),
  };
}

function countUp(count: number): string[] {
  return Array.from({ length: count }, (_, i) => String(i));
}
