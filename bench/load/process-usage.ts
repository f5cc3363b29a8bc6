/** CPU time and memory of a process with all its threads and descendants, read from Linux' /proc. */
import { readdirSync, readFileSync } from "node:fs";

export interface Usage {
  /** On a CPU, of all threads that live now; nanoseconds. */
  readonly cpuNs: number;
  /** Resident, kilobytes. */
  readonly rssKb: number;
}

export function usageOf(pid: number): Usage {
  let cpuNs = 0;
  let rssKb = 0;
  for (const each of withDescendants(pid)) {
    for (const task of entriesOf(`/proc/${each}/task`)) {
      cpuNs += Number(textOf(`/proc/${each}/task/${task}/schedstat`).split(" ")[0] ?? 0);
    }
    rssKb += Number(/^VmRSS:\s+(\d+)/m.exec(textOf(`/proc/${each}/status`))?.[1] ?? 0);
  }
  return { cpuNs, rssKb };
}

function withDescendants(pid: number): readonly number[] {
  const children = entriesOf(`/proc/${pid}/task`).flatMap((task) =>
    textOf(`/proc/${pid}/task/${task}/children`).trim().split(" ").filter(Boolean).map(Number),
  );
  return [pid, ...children.flatMap(withDescendants)];
}

function entriesOf(path: string): readonly string[] {
  try {
    return readdirSync(path);
  } catch {
    // It ended meanwhile.
    return [];
  }
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
