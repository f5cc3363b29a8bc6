/** Starts a program on chosen cores and ends it again. Used for arms and load. */
import { openSync } from "node:fs";
import type { Subprocess } from "bun";

export interface PinnedOptions {
  /** As `taskset -c` takes them. */
  readonly cores: string;
  readonly cwd: string;
  /** Where stderr goes; stdout is thrown away. */
  readonly logPath: string;
  readonly env?: Readonly<Record<string, string>>;
}

const END_MS = 3000;

export function startPinned(command: readonly string[], options: PinnedOptions): Subprocess {
  return Bun.spawn(pinned(command, options.cores), {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdin: "ignore",
    stdout: openSync("/dev/null", "w"),
    stderr: openSync(options.logPath, "a"),
  });
}

export function pinned(command: readonly string[], cores: string): string[] {
  return ["taskset", "-c", cores, ...command];
}

/**
 * Keeps the cores from sleeping while `work` runs: a loop of idle priority gives way to all else at once. A core of a virtual machine that slept
 * comes back 60 µs later, now and then milliseconds, and that would be in what each arm adds.
 */
export async function keepAwake<T>(cores: string, work: () => Promise<T>): Promise<T> {
  const loop = Bun.spawn(pinned(["chrt", "--idle", "0", "sh", "-c", "while :; do :; done"], cores), {
    stdio: ["ignore", "ignore", "inherit"],
  });
  try {
    return await work();
  } finally {
    await endProcess(loop);
  }
}

export async function endProcess(child: Subprocess): Promise<void> {
  child.kill("SIGTERM");
  const ended = await Promise.race([child.exited.then(() => true), Bun.sleep(END_MS).then(() => false)]);
  if (ended) return;
  child.kill("SIGKILL");
  await child.exited;
}

/** Resolves when something listens on `port`. Rejects when the process ends first, or after ten seconds. */
export async function untilListening(port: number, child: Subprocess, name: string): Promise<void> {
  for (let tries = 0; tries < 500; tries++) {
    if (child.exitCode !== null) throw new Error(`${name} ended with status ${child.exitCode} before it listened`);
    if (await listens(port)) return;
    await Bun.sleep(20);
  }
  throw new Error(`${name} does not listen on port ${port} after 10 s`);
}

async function listens(port: number): Promise<boolean> {
  try {
    const socket = await Bun.connect({ hostname: "127.0.0.1", port, socket: { data() {}, connectError() {} } });
    socket.terminate();
    return true;
  } catch {
    return false;
  }
}

export function freePort(): number {
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const { port } = listener;
  listener.stop(true);
  return port;
}
