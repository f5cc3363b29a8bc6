/**
 * The keeper lives for one moment, the launcher's death: a pipe from the launcher is its standard input, and when that ends without "bye"
 * (SIGKILL, out of memory, a crash), it ends every server and all their descendants. Started by run-fleet.ts as `fd-router launch keeper`.
 */
import { endProcesses, findTree } from "./process-tree.ts";

/** Hidden first word of `fd-router launch` that makes it a keeper. */
export const KEEPER = "keeper";

const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 60_000;

export interface KeeperOptions {
  readonly selfCommand: readonly string[];
  readonly launchId: string;
  /** Between SIGTERM and SIGKILL of the servers. */
  readonly graceMs: number;
  readonly note: (level: "warn", text: string) => void;
}

/** The launcher's side. A keeper that dies is replaced. */
export class Keeper {
  readonly #options: KeeperOptions;
  /** Process groups of the servers. */
  readonly #groups = new Set<number>();
  #child: Bun.Subprocess<"pipe", "ignore", "inherit">;
  #dismissed = false;
  #deaths = 0;

  constructor(options: KeeperOptions) {
    this.#options = options;
    this.#child = this.#start();
  }

  watch(pid: number): void {
    this.#groups.add(pid);
    this.#say(`+${pid}`);
  }

  forget(pid: number): void {
    this.#groups.delete(pid);
    this.#say(`-${pid}`);
  }

  /** All is in order: the keeper goes without doing anything. */
  async dismiss(): Promise<void> {
    this.#dismissed = true;
    this.#say("bye");
    await this.#child.exited;
  }

  #start(): Bun.Subprocess<"pipe", "ignore", "inherit"> {
    const { selfCommand, launchId, graceMs } = this.#options;
    const child = Bun.spawn([...selfCommand, "launch", KEEPER, launchId, String(graceMs)], {
      stdin: "pipe",
      stdout: "ignore",
      stderr: "inherit",
      detached: true, // a Ctrl-C on the terminal is not for it
    });
    void child.exited.then(() => {
      if (this.#dismissed) return;
      const pauseMs = Math.min(FIRST_PAUSE_MS * 2 ** this.#deaths++, LONGEST_PAUSE_MS);
      setTimeout(() => this.#replace(), pauseMs);
    });
    return child;
  }

  #replace(): void {
    if (this.#dismissed) return;
    try {
      this.#child = this.#start();
      for (const pid of this.#groups) this.#say(`+${pid}`);
      this.#options.note("warn", "the keeper had died; another one was started");
    } catch (error) {
      // The binary may have been replaced or removed; the servers must not suffer for it.
      this.#options.note("warn", `the keeper had died and cannot be started: ${String(error)}`);
    }
  }

  #say(line: string): void {
    // A keeper that has just died takes nothing; its successor is told everything.
    const write = async (): Promise<void> => {
      await this.#child.stdin.write(`${line}\n`);
      await this.#child.stdin.flush();
    };
    void write().catch(() => {});
  }
}

/** The keeper's own life. Resolves with its exit code. */
export async function runKeeper(launchId: string, graceMs: number): Promise<number> {
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(signal, () => {});
  const groups = new Set<number>();
  for await (const line of console) {
    if (line === "bye") return 0;
    const pid = Number(line.slice(1));
    if (line.startsWith("+")) groups.add(pid);
    else groups.delete(pid);
  }
  const find = (): Promise<readonly number[]> => findTree({ launchId, groups: [...groups] });
  const ended = await endProcesses({ graceMs, find });
  if (ended > 0) console.error(`fd-router launch: the launcher is gone; its servers were ended (${ended} processes)`);
  return 0;
}
