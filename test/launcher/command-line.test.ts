import { describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fakeServer, LauncherProcess } from "../support/launcher/launcher-process.ts";

describe("fd-router launch", () => {
  test("--dry-run prints what would be started, and starts nothing", async () => {
    const marker = join(mkdtempSync(join(tmpdir(), "fd-dry-")), "started");
    const command = `touch ${marker} {port} {index}`;
    const launcher = new LauncherProcess([
      "--dry-run",
      "--ports",
      "18180,18181",
      "--command",
      command,
      "--args",
      "a b",
    ]);
    expect(await launcher.exited).toBe(0);
    await launcher.waitFor(
      new RegExp(`^FD_ENABLE_MULTI_API_SERVER=1 FD_LOG_DIR=log/log_1 touch ${marker} 18181 1 'a b'$`),
    );
    expect(existsSync(marker)).toBe(false);
  });

  test("a port in use is named with its flag, and nothing is started", async () => {
    using listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => {} } });
    const folder = mkdtempSync(join(tmpdir(), "fd-busy-"));
    const command = `touch ${join(folder, "started-{index}")}`;
    const launcher = new LauncherProcess([
      "--num-servers",
      "1",
      "--ports",
      String(listener.port),
      "--command",
      command,
    ]);
    expect(await launcher.exited).toBe(2);
    expect(launcher.lines).toEqual([
      `fd-router launch: error: --ports ${listener.port}: Port ${listener.port} is not available`,
    ]);
    expect(existsSync(join(folder, "started-0"))).toBe(false);
  });

  test.each<[readonly string[], string]>([
    [
      ["--command", "no-such-program-here"],
      "--command no-such-program-here: no such program; wanted one on PATH or a path to it",
    ],
    [
      ["--python", "/no/python", "--gpus", "0,1"],
      "--python /no/python: no such program; wanted one on PATH or a path to it",
    ],
    [["--fleet", "/no/fleet.yaml"], "--fleet /no/fleet.yaml: ENOENT: no such file or directory, open '/no/fleet.yaml'"],
    [
      ["--rolling-restart", "--pid-file", "/no/pid"],
      "--rolling-restart: no launcher runs by /no/pid; wanted --pid-file of a running one",
    ],
  ])("%j is refused with status 2", async (args, message) => {
    const launcher = new LauncherProcess(args);
    expect(await launcher.exited).toBe(2);
    expect(launcher.lines.join("\n")).toStartWith(`fd-router launch: error: ${message}`);
  });

  test("--rolling-restart finds the running launcher by its pid file", async () => {
    const pidFile = join(mkdtempSync(join(tmpdir(), "fd-pid-")), "pid");
    const args = ["--num-servers", "1", "--ports", "auto", "--command", fakeServer(), "--pid-file", pidFile];
    await using launcher = new LauncherProcess(args);
    await launcher.waitFor(/fleet is up/);
    const asking = new LauncherProcess(["--rolling-restart", "--pid-file", pidFile]);
    expect(await asking.exited).toBe(0);
    await launcher.waitFor(/rolling restart: done/);
    launcher.signal("SIGTERM");
    await launcher.exited;
    expect(existsSync(pidFile)).toBe(false);
  });
});
