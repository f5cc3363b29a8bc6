/** `fd-router mock-engine`: a FastDeploy server without a GPU, to try routers against. */
import { mockEngineHelp } from "../mock-engine/help.ts";
import { startMockEngine } from "../mock-engine/mock-engine.ts";
import { parseCommandLine, type MockEngineOptions, type ParsedCommandLine } from "../mock-engine/options.ts";
import { startRegistrations } from "../mock-engine/registration.ts";
import type { Command } from "./command.ts";

/** A second SIGTERM ends the wait for a router. */
const DRAIN_SECS = 30;

export const command: Command = {
  name: "mock-engine",
  summary: "A FastDeploy server without a GPU: real API, metrics, registration and timing, faults on demand",
  run,
};

async function run(args: readonly string[]): Promise<number> {
  let parsed: ParsedCommandLine;
  try {
    parsed = parseCommandLine(args, process.env);
  } catch (error) {
    return fail(error, 2);
  }
  if (parsed.kind === "help") {
    process.stdout.write(mockEngineHelp());
    return 0;
  }
  try {
    // The real server has many flags that mean nothing here; a mistyped one of ours looks the same.
    for (const flag of parsed.ignored) process.stderr.write(`mock-engine: ignored ${flag}\n`);
    return await serve(parsed.options);
  } catch (error) {
    return fail(error, 1);
  }
}

function fail(error: unknown, code: number): number {
  process.stderr.write(`mock-engine: ${error instanceof Error ? error.message : String(error)}\n`);
  return code;
}

async function serve(options: MockEngineOptions): Promise<number> {
  const stopped = new Promise<void>((resolve) => {
    process.once("SIGTERM", resolve);
    process.once("SIGINT", resolve);
  });
  // A stray rejection would end the process: a mock dies only when it is told to.
  process.on("unhandledRejection", (reason) => process.stderr.write(`mock-engine: ${String(reason)}\n`));
  const loaded = await Promise.race([stopped.then(() => false), Bun.sleep(options.loadSecs * 1000).then(() => true)]);
  if (!loaded) return 0;
  if (options.failLoad) {
    process.stderr.write("Failed to initialize FastDeploy LLM engine, service exit now!\n");
    return 0;
  }
  const engine = startMockEngine(options);
  process.stdout.write(`mock-engine listening on ${engine.url} model ${engine.server.model}\n`);
  const registrations = await startRegistrations(engine, options);
  await stopped;
  await registrations.drain((options.gracefulShutdownSecs || DRAIN_SECS) * 1000);
  await engine.stop(options.gracefulShutdownSecs);
  registrations.stop();
  return 0;
}
