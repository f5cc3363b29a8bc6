/** The story of `fd-router agent`: options, then watching and reporting until a signal; SIGTERM drains first. Called by commands/agent.ts. */
import { Agent, type AgentServer } from "./agent.ts";
import { type AgentOptions, agentOptions } from "./agent-options.ts";
import { parseArguments } from "./arguments.ts";
import { BoundedWriter } from "./bounded-writer.ts";
import { probeHealth, scrapeLoad } from "./health.ts";
import { LaunchProblem } from "./launch-problem.ts";
import { createOutput } from "./output.ts";
import { check, describeFlags, flag, flagsOf } from "./read-options.ts";
import { connectRouter } from "./router-link.ts";

const TICK_MS = 50;
const EXIT_USAGE = 2;

/** Resolves with the exit code. */
export async function runAgent(argv: readonly string[]): Promise<number> {
  const parsed = parseArguments(argv, [...flagsOf(agentOptions), flag("help", false)]);
  if (parsed.kind === "problem") return refuse(parsed.message);
  if (parsed.kind === "help") {
    process.stdout.write(helpText());
    return 0;
  }
  const missing = ["--servers", "--router"].filter((name) => !parsed.values.has(name.slice(2)));
  if (missing.length > 0) return refuse(`the following arguments are required: ${missing.join(", ")}`);
  const checked = check(agentOptions, parsed.values);
  if (checked.kind === "problem") return refuse(checked.message);
  const { value: options } = checked;
  const { "metrics-ports": ports } = options;
  if (typeof ports === "object" && ports.length !== options.servers.length) {
    return refuse(
      `--metrics-ports ${ports.join(",")}: Number of ports must match --servers (${ports.length} given, ${options.servers.length} wanted)`,
    );
  }
  try {
    return await serve(options);
  } catch (error) {
    if (error instanceof LaunchProblem) return refuse(error.message);
    throw error;
  }
}

async function serve(options: AgentOptions): Promise<number> {
  const writer = new BoundedWriter(Bun.stdout.writer());
  const { note } = createOutput({
    writer,
    colour: process.stdout.isTTY,
    name: "agent",
    serverNames: [],
    now: () => new Date(),
  });
  const { registrar, hostIp } = await connectRouter(options, false, note);
  const timeoutMs = options["health-timeout-secs"] * 1000;
  const agent = new Agent(serversOf(options, hostIp), {
    now: () => performance.now(),
    probe: (server) => probeHealth(server, options["health-path"], timeoutMs),
    scrape: (server) => scrapeLoad(server, timeoutMs),
    registrar,
    note,
    agentId: crypto.randomUUID(),
    probeMs: options["health-interval-secs"] * 1000,
    scrapeMs: options["report-interval-secs"] * 1000,
    downLimitMs: options["down-limit-secs"] * 1000,
  });
  const ticking = setInterval(() => agent.tick(), TICK_MS);
  await untilSignals((first) => {
    note("info", first ? "stopping; once more stops at once" : "stopping at once");
    return first ? agent.drain(options["drain-secs"] * 1000) : Promise.resolve();
  });
  clearInterval(ticking);
  await registrar.close();
  await writer.settle(1000);
  return 0;
}

function serversOf(options: AgentOptions, hostIp: string): readonly AgentServer[] {
  const { "metrics-ports": ports } = options;
  return options.servers.map(({ host, port }, index) => {
    const metricsPort = typeof ports === "object" ? (ports[index] ?? port) : port;
    const local = host === "localhost" || host === "0.0.0.0" || host === "::1" || host.startsWith("127.");
    return {
      name: `${host}:${port}`,
      host: host === "0.0.0.0" ? "127.0.0.1" : host,
      port,
      metricsPort,
      registration: {
        role: options.role,
        host_ip: local ? hostIp : host,
        port,
        metrics_port: metricsPort,
        weight: options.weight,
        model: options["served-model"],
        max_in_flight: options["max-in-flight"],
      },
    };
  });
}

/** Resolves when what the first signal began has ended, or at the second. */
function untilSignals(begin: (first: boolean) => Promise<void>): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  let asked = false;
  const end = (): void => {
    void begin(!asked).then(resolve);
    asked = true;
  };
  process.on("SIGTERM", end);
  process.on("SIGINT", end);
  return promise;
}

function helpText(): string {
  return [
    "Usage: fd-router agent --router HOST:PORT --servers HOST:PORT,... [flags]",
    "",
    "Registers servers that something else started, reports their load, and drains them on SIGTERM.",
    "",
    describeFlags(agentOptions),
    "",
  ].join("\n");
}

function refuse(message: string): number {
  process.stderr.write(`fd-router agent: error: ${message}\n`);
  return EXIT_USAGE;
}
