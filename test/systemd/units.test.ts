import { describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

const UNITS = new URL("../../packaging/systemd/", import.meta.url).pathname;
const NAMES = ["fd-router.service", "fd-router-launch@.service"] as const;
/** `systemd-analyze security --offline` came with systemd 250. */
const canAnalyze = Bun.which("systemd-analyze") !== null;

async function analyze(...args: readonly string[]): Promise<{ code: number; output: string }> {
  const child = Bun.spawn(["systemd-analyze", ...args], { stdout: "pipe", stderr: "pipe" });
  const [out, err, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  return { code, output: out + err };
}

/** A copy whose programs exist on this machine. */
async function withUnit<T>(name: string, use: (path: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "fd-router-unit-"));
  const path = join(folder, name.replace("@", "@demo"));
  const text = await Bun.file(UNITS + name).text();
  await Bun.write(path, text.replaceAll("/usr/bin/fd-router", process.execPath));
  try {
    return await use(path);
  } finally {
    await rm(folder, { recursive: true });
  }
}

describe.each(NAMES)("%s", (name) => {
  test.skipIf(!canAnalyze)("is clean for systemd-analyze verify", async () => {
    const { code, output } = await withUnit(name, (path) => analyze("verify", "--man=no", path));
    expect({ code, output }).toEqual({ code: 0, output: "" });
  });

  test.skipIf(!canAnalyze)("is exposed by at most 2.5 for systemd-analyze security", async () => {
    const { output } = await withUnit(name, (path) => analyze("security", "--offline=true", path));
    const exposure = /Overall exposure level for .*: ([\d.]+)/.exec(output)?.[1];
    expect(Number(exposure)).toBeLessThanOrEqual(2.5);
  });

  test("leaves the JIT compiler its writable and executable memory", async () => {
    const text = await Bun.file(UNITS + name).text();
    expect(text).not.toMatch(/^MemoryDenyWriteExecute=(yes|true|on|1)/m);
    expect(text).toMatch(/^Type=notify$/m);
  });
});
