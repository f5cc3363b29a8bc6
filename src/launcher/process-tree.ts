/**
 * Finds and ends all that a server left behind. FastDeploy's GPU workers live in sessions of their own, so neither a process group nor the
 * parent's pid leads to them; an environment variable does: every descendant inherits it. Linux only; elsewhere process
 * groups must do.
 * Used by process.ts and keeper.ts.
 */
import { readdir, readFile } from "node:fs/promises";

const MARK = "FD_ROUTER_LAUNCH";

/** The variable that marks a server and its descendants. */
export function markEnvironment(launchId: string, server: string): Readonly<Record<string, string>> {
  return { [MARK]: `${launchId}/${server}/` };
}

export interface TreeQuery {
  readonly launchId: string;
  /** Of one server only. */
  readonly server?: string;
  /** Process groups that belong to it as well: a program may have cleared its environment. */
  readonly groups: readonly number[];
}

/** Pids of all that lives of a launch or of one of its servers; where there is no /proc, the groups as negative pids. */
export async function findTree({ launchId, server, groups }: TreeQuery): Promise<readonly number[]> {
  const mark = `\0${MARK}=${launchId}/${server === undefined ? "" : `${server}/`}`;
  const entries = await readdir("/proc").catch(() => null);
  if (entries === null) return groups.map((group) => -group).filter((group) => signalProcess(group, 0));
  const pids = entries.filter((entry) => /^\d+$/.test(entry)).map(Number);
  const found = await Promise.all(
    pids.map(async (pid) => (await environmentOf(pid)).includes(mark) || groups.includes(await groupOf(pid))),
  );
  return pids.filter((pid, at) => found[at] === true && pid !== process.pid);
}

export interface EndOptions {
  /** Between SIGTERM and SIGKILL. */
  readonly graceMs: number;
  readonly find: () => Promise<readonly number[]>;
}

/** Ends every process that `find` finds, also those that appear meanwhile. Resolves with their number once none is left. */
export async function endProcesses({ graceMs, find }: EndOptions): Promise<number> {
  const seen = new Set<number>();
  const deadline = performance.now() + graceMs;
  const giveUp = deadline + 5000; // SIGKILL may wait for the kernel, a hung driver for ever
  for (let pauseMs = 5; performance.now() < giveUp; pauseMs = Math.min(pauseMs * 2, 200)) {
    const pids = await find();
    if (pids.length === 0) return seen.size;
    const kill = performance.now() >= deadline;
    for (const pid of pids) if (kill || !seen.has(pid)) signalProcess(pid, kill ? "SIGKILL" : "SIGTERM");
    for (const pid of pids) seen.add(pid);
    await Bun.sleep(pauseMs);
  }
  return seen.size;
}

/** A negative pid means its process group. False when there is none. */
export function signalProcess(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false; // ended meanwhile: what was wanted
  }
}

/** With a leading NUL, so that the first variable looks like the others. Empty for a zombie or another user's process. */
async function environmentOf(pid: number): Promise<string> {
  return `\0${await readFile(`/proc/${pid}/environ`, "latin1").catch(() => "")}`;
}

/** 0 for a zombie: it has ended, and only waits for its parent. */
async function groupOf(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, "latin1").catch(() => "");
  const [, state = "Z", group = "0"] = /\) (\w) \d+ (\d+)/.exec(stat) ?? [];
  return state === "Z" || state === "X" ? 0 : Number(group);
}
