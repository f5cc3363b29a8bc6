/**
 * The keeper outlives the launcher by one purpose: a pipe from the launcher is its standard input, and when that ends without "bye" (SIGKILL,
 * out of memory, a crash), it ends every server and all their descendants. Started by launch.ts as `fd-router launch keeper`.
 */
import { endProcesses, findMarked, signalProcess } from "./process-tree.ts";

/** Hidden first word of `fd-router launch` that makes it a keeper. */
export const KEEPER = "keeper";

export interface Keeper {
  /** A server's process group, for hosts without /proc. */
  watch(pid: number): void;
  forget(pid: number): void;
  /** All is in order: the keeper goes without doing anything. */
  dismiss(): Promise<void>;
}

export function startKeeper(selfCommand: readonly string[], launchId: string, graceMs: number): Keeper {
  const keeper = Bun.spawn([...selfCommand, "launch", KEEPER, launchId, String(graceMs)], {
    stdin: "pipe",
    stdout: "ignore",
    stderr: "inherit",
    detached: true, // a Ctrl-C on the terminal is not for it
  });
  const say = (line: string): void => {
    void keeper.stdin.write(`${line}\n`);
    void keeper.stdin.flush();
  };
  return {
    watch: (pid) => say(`+${pid}`),
    forget: (pid) => say(`-${pid}`),
    dismiss: async () => {
      say("bye");
      await keeper.stdin.end();
      await keeper.exited;
    },
  };
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
  const find = async (): Promise<readonly number[]> => {
    const living = [...groups].map((pid) => -pid).filter((group) => signalProcess(group, 0));
    return [...living, ...(await findMarked(launchId))];
  };
  const ended = await endProcesses({ graceMs, find });
  if (ended > 0) console.error(`fd-router launch: the launcher is gone; its servers were ended (${ended} processes)`);
  return 0;
}
