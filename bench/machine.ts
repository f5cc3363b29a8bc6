/** What a run stood on: written beside its figures, since without it they cannot be compared. */
import { cpus, loadavg, release, totalmem } from "node:os";
import { $ } from "bun";
import type { Machine } from "./results.ts";

export async function describeMachine(): Promise<Machine> {
  const path = `${process.env["PATH"] ?? ""}:/usr/sbin`;
  const programs: Record<string, string> = {};
  const nginx = Bun.which("nginx", { PATH: path });
  if (nginx !== null) programs["nginx"] = versionIn((await $`${nginx} -v`.quiet().nothrow()).stderr.toString());
  const haproxy = Bun.which("haproxy", { PATH: path });
  if (haproxy !== null) programs["HAProxy"] = versionIn((await $`${haproxy} -v`.quiet().nothrow()).stdout.toString());
  const commit = await $`git describe --always --dirty`.quiet().nothrow();
  return {
    cpu: cpus()[0]?.model ?? "unknown CPU",
    cores: cpus().length,
    kernel: release(),
    memoryGb: Math.round(totalmem() / 2 ** 30),
    bun: Bun.version,
    programs,
    commit: commit.exitCode === 0 ? commit.stdout.toString().trim() : "unknown",
    loadAverage: loadavg()[0] ?? Number.NaN,
  };
}

function versionIn(text: string): string {
  return /\d+\.\d+\.\d+/.exec(text)?.[0] ?? "of unknown version";
}
