/** Runs `fd-router launch` or `agent` as a process of its own, in a folder of its own, for tests of signals and orphans. */
import { setDefaultTimeout } from "bun:test";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { selfCommand } from "../../../src/lib/self-command.ts";
import { readLines } from "../../../src/launcher/lines.ts";

/** A busy machine starts a process in seconds, not in the milliseconds that it takes alone. */
const WAIT_LIMIT_MS = 10_000;
setDefaultTimeout(2 * WAIT_LIMIT_MS);

const FAKE_SERVER = new URL("./fake-server.ts", import.meta.url).pathname;

/** A `--command` that starts the fake server with these flags. */
export function fakeServer(flags = ""): string {
  return `${process.execPath} ${FAKE_SERVER} {port} ${flags}`;
}

export class LauncherProcess {
  readonly lines: string[] = [];
  readonly #process: Bun.Subprocess<"ignore", "pipe", "pipe">;
  #changed = Promise.withResolvers<void>();

  constructor(args: readonly string[], env: Readonly<Record<string, string>> = {}, command = "launch") {
    const quick = ["--health-interval-secs", "0.05", "--report-interval-secs", "0.05"];
    const grace = command === "launch" ? ["--grace-secs", "0.3"] : [];
    this.#process = Bun.spawn([...selfCommand(), command, ...quick, ...grace, ...args], {
      cwd: mkdtempSync(join(tmpdir(), "fd-launch-")),
      env: { ...process.env, ...env },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    const take = (line: string): void => {
      this.lines.push(line);
      this.#changed.resolve();
      this.#changed = Promise.withResolvers();
    };
    void readLines(this.#process.stdout, take);
    void readLines(this.#process.stderr, take);
  }

  /** Pid of its keeper, which is not one of the servers. */
  async keeper(): Promise<number> {
    const { pid } = this.#process;
    const children = await Bun.file(`/proc/${pid}/task/${pid}/children`).text();
    for (const child of children.trim().split(" ")) {
      const command = await Bun.file(`/proc/${child}/cmdline`).text();
      if (command.includes("\0keeper\0")) return Number(child);
    }
    throw new Error(`no keeper among the children ${children}`);
  }

  get exited(): Promise<number> {
    return this.#process.exited;
  }

  signal(name: NodeJS.Signals): void {
    this.#process.kill(name);
  }

  /** The first `count` lines that match; waits for them. */
  async waitFor(pattern: RegExp, count = 1): Promise<readonly string[]> {
    const deadline = performance.now() + WAIT_LIMIT_MS;
    for (;;) {
      const found = this.lines.filter((line) => pattern.test(line)).slice(0, count);
      if (found.length === count) return found;
      const leftMs = deadline - performance.now();
      if (leftMs <= 0) throw new Error(`waited for ${count} lines like ${pattern}; got:\n${this.lines.join("\n")}`);
      await Promise.race([this.#changed.promise, Bun.sleep(leftMs)]);
    }
  }

  /** Numbers that follow a word in the servers' output: `pid`, `child`. */
  async numbers(word: string, count: number): Promise<readonly number[]> {
    const lines = await this.waitFor(new RegExp(`\\] ${word} \\d+`), count);
    return lines.map((line) => Number(new RegExp(`\\] ${word} (\\d+)`).exec(line)?.[1]));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill("SIGTERM");
    this.#process.kill("SIGINT");
    await this.#process.exited;
  }
}

/** True while the process exists and is no zombie. */
export async function isAlive(pid: number): Promise<boolean> {
  const status = await Bun.file(`/proc/${pid}/stat`)
    .text()
    .catch(() => "");
  return status !== "" && !/^\d+ \(.*\) Z/.test(status);
}

/** Resolves when all have ended; false when one lives on past the limit. */
export async function allEnd(pids: readonly number[], limitMs = WAIT_LIMIT_MS): Promise<boolean> {
  const deadline = performance.now() + limitMs;
  while (performance.now() < deadline) {
    const alive = await Promise.all(pids.map(isAlive));
    if (!alive.includes(true)) return true;
    await Bun.sleep(10);
  }
  return false;
}
