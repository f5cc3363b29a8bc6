/** What a process holds, from Linux's /proc. */
import { readdir } from "node:fs/promises";

export interface ProcessUsage {
  readonly rssMb: number;
  readonly openFiles: number;
}

export async function readUsage(pid: number): Promise<ProcessUsage> {
  const [status, files] = await Promise.all([Bun.file(`/proc/${pid}/status`).text(), readdir(`/proc/${pid}/fd`)]);
  const rssKb = Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? NaN);
  return { rssMb: Math.round(rssKb / 1024), openFiles: files.length };
}
