/** The compiled router as a child process, with its output in one file so that the order of stdout and stderr is kept. */
import { mkdirSync, mkdtempSync, openSync, closeSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

export interface RouterStart {
  readonly binary: string;
  /** After the program's name. */
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** Paths relative to the working directory. */
  readonly files: Readonly<Record<string, string>>;
  /** One file for both streams, or one each. */
  readonly merged: boolean;
}

export class RouterProcess {
  readonly folder: string;
  readonly #child: Bun.Subprocess;
  readonly #merged: boolean;

  constructor({ binary, args, environment, files, merged }: RouterStart) {
    this.folder = mkdtempSync(join(tmpdir(), "fd-golden-"));
    this.#merged = merged;
    mkdirSync(join(this.folder, "config"));
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(join(this.folder, name)), { recursive: true });
      writeFileSync(join(this.folder, name), text);
    }
    symlinkSync(binary, join(this.folder, "fd-router"));
    const stdout = openSync(join(this.folder, ".stdout"), "a");
    const stderr = merged ? stdout : openSync(join(this.folder, ".stderr"), "a");
    this.#child = Bun.spawn(["./fd-router", ...args], {
      cwd: this.folder,
      env: { PATH: process.env["PATH"] ?? "", TZ: "UTC", ...environment },
      stdin: "ignore",
      stdout,
      stderr,
    });
    closeSync(stdout);
    if (!merged) closeSync(stderr);
  }

  /** Resolves with whether `port` accepts connections; false when the process ended or the time is over. */
  async listens(port: number, limitMs: number): Promise<boolean> {
    const until = performance.now() + limitMs;
    while (performance.now() < until && this.#child.exitCode === null) {
      // Twice: the router tries the port for a moment before it begins to listen.
      if ((await accepts(port)) && (await sleep(30, true)) && (await accepts(port))) return true;
      await sleep(15);
    }
    return false;
  }

  get exitCode(): number | null {
    return this.#child.signalCode === null ? this.#child.exitCode : null;
  }

  /** The exit code; negative: the signal that ended it; null: it still runs after `limitMs`. */
  async ended(limitMs: number): Promise<number | null> {
    const ended = await Promise.race([this.#child.exited.then(() => true), sleep(limitMs, false)]);
    if (!ended) return null;
    const { signalCode, exitCode } = this.#child;
    return signalCode === null ? exitCode : -(SIGNALS[signalCode] ?? 99);
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  get stdout(): string {
    return readFileSync(join(this.folder, ".stdout"), "utf8");
  }

  get stderr(): string {
    return this.#merged ? "" : readFileSync(join(this.folder, ".stderr"), "utf8");
  }

  async dispose(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.exited;
    rmSync(this.folder, { recursive: true, force: true });
  }
}

const SIGNALS: Readonly<Record<string, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGKILL: 9,
  SIGUSR1: 10,
  SIGPIPE: 13,
  SIGTERM: 15,
};

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1" });
    socket.on("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.on("error", () => resolve(false));
  });
}

/**
 * A port that nobody listens on. Of five digits, so that lengths agree with the recordings; below those that the system gives out by
 * itself, so that no engine gets it before the router listens.
 */
export async function freePort(): Promise<number> {
  const port = 10_000 + Math.floor(Math.random() * 20_000);
  const server = createServer();
  const isFree = await new Promise<boolean>((resolve) => {
    server.once("error", () => resolve(false));
    server.listen(port, "::", () => resolve(true));
  });
  await new Promise((resolve) => server.close(resolve));
  return isFree ? port : freePort();
}
