/** One server process: started in its own session, its output read line by line, its whole tree ended. Started by run-fleet.ts for the supervisor. */
import type { ServerPlan } from "./fleet-plan.ts";
import { readLines } from "./lines.ts";
import { endProcesses, findTree, markEnvironment, type TreeQuery } from "./process-tree.ts";

export interface ServerProcess {
  readonly pid: number;
  /** Resolves when the process itself has ended; descendants may still be there. */
  readonly exited: Promise<ServerExit>;
  /** To the process itself: FastDeploy's main process ends the others in order. */
  terminate(): void;
  /** SIGKILL to the whole tree. */
  kill(): void;
  /** Ends what is left of the tree. Resolves with the number of processes found, once none is left. */
  sweep(graceMs: number): Promise<number>;
}

export interface ServerExit {
  readonly code: number | null;
  /** A number where the signal has no name. */
  readonly signal: string | number | null;
}

export interface StartOptions {
  readonly launchId: string;
  /** Words in front of the command that tie the process's life to ours; see parent-death.ts. */
  readonly tie: readonly string[];
  readonly onLine: (line: string) => void;
}

/** Throws when the program cannot be started. */
export function startServer(server: ServerPlan, options: StartOptions): ServerProcess {
  const child = Bun.spawn([...options.tie, ...server.command], {
    // A pipe makes Python hold lines back for long.
    env: {
      PYTHONUNBUFFERED: "1",
      ...process.env,
      ...server.environment,
      ...markEnvironment(options.launchId, server.name),
    },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    detached: true,
  });
  for (const stream of [child.stdout, child.stderr]) {
    readLines(stream, options.onLine).catch(() => {}); // a pipe that breaks ends the output; the exit is seen elsewhere
  }
  const { pid } = child;
  const tree: TreeQuery = { launchId: options.launchId, server: server.name, groups: [pid] };
  const find = (): Promise<readonly number[]> => findTree(tree);
  return {
    pid,
    exited: child.exited.then(() => ({ code: child.exitCode, signal: child.signalCode })),
    terminate: () => child.kill("SIGTERM"),
    kill: () => void endProcesses({ graceMs: 0, find }),
    sweep: (graceMs) => endProcesses({ graceMs, find }),
  };
}

export function describeExit(exit: ServerExit): string {
  return exit.signal === null ? `exited with status ${exit.code ?? "unknown"}` : `was ended by ${exit.signal}`;
}
