import { describe, expect, test } from "bun:test";
import { allEnd, fakeServer, isAlive, LauncherProcess } from "../support/launcher/launcher-process.ts";

const one = (flags: string): string[] => ["--num-servers", "1", "--ports", "auto", "--command", fakeServer(flags)];
const two = (flags = ""): string[] => ["--num-servers", "2", "--ports", "auto", "--command", fakeServer(flags)];

describe("a launched fleet", () => {
  test("comes up, is announced, and its output lines carry the server's name; proxies of the environment are not asked", async () => {
    const proxies = { http_proxy: "http://127.0.0.1:1", HTTP_PROXY: "http://127.0.0.1:1" };
    await using launcher = new LauncherProcess(two(), proxies);
    await launcher.waitFor(/fleet is up, 2 servers/);
    await launcher.waitFor(/^\[server-0\] pid \d+ port \d+$/);
    await launcher.waitFor(/^\[server-1\] to standard error$/);
  });

  test("SIGTERM ends the servers, then the launcher with status 0", async () => {
    await using launcher = new LauncherProcess(two());
    const pids = await launcher.numbers("pid", 2);
    await launcher.waitFor(/: healthy/, 2);
    launcher.signal("SIGTERM");
    expect(await launcher.exited).toBe(0);
    expect(await allEnd(pids, 1)).toBe(true);
    expect(launcher.lines.filter((line) => line.endsWith("] SIGTERM"))).toHaveLength(2);
  });

  test("a server that ignores SIGTERM is killed after the grace time", async () => {
    await using launcher = new LauncherProcess(two("--ignore-term"));
    const pids = await launcher.numbers("pid", 2);
    await launcher.waitFor(/: healthy/, 2);
    launcher.signal("SIGTERM");
    expect(await launcher.exited).toBe(0);
    expect(await allEnd(pids, 1)).toBe(true);
  });

  test("a second SIGTERM stops at once, whatever the grace time", async () => {
    await using launcher = new LauncherProcess([...two("--ignore-term"), "--grace-secs", "60"]);
    const pids = await launcher.numbers("pid", 2);
    await launcher.waitFor(/: healthy/, 2);
    launcher.signal("SIGTERM");
    await launcher.waitFor(/\] SIGTERM/, 2);
    launcher.signal("SIGTERM");
    expect(await launcher.exited).toBe(0);
    expect(await allEnd(pids, 1)).toBe(true);
  });

  test("SIGKILL of the launcher leaves no process behind, not even one in a session of its own", async () => {
    await using launcher = new LauncherProcess(two("--child --own-session --ignore-term"));
    const servers = await launcher.numbers("pid", 2);
    const children = await launcher.numbers("child", 2);
    await launcher.waitFor(/: healthy/, 2);
    expect(await isAlive(children[0] ?? 0)).toBe(true);
    launcher.signal("SIGKILL");
    expect(await allEnd([...servers, ...children])).toBe(true);
  });

  test("a keeper that was killed is replaced, and the new one knows the servers", async () => {
    await using launcher = new LauncherProcess(two("--child --own-session"));
    const pids = [...(await launcher.numbers("pid", 2)), ...(await launcher.numbers("child", 2))];
    process.kill(await launcher.keeper(), "SIGKILL");
    await launcher.waitFor(/the keeper had died; another one was started/);
    launcher.signal("SIGKILL");
    expect(await allEnd(pids)).toBe(true);
  });

  test.skipIf(Bun.which("setpriv") === null)("SIGKILL of launcher and keeper ends the servers still", async () => {
    await using launcher = new LauncherProcess(two());
    const pids = await launcher.numbers("pid", 2);
    process.kill(await launcher.keeper(), "SIGKILL");
    launcher.signal("SIGKILL");
    expect(await allEnd(pids)).toBe(true);
  });

  test("a server that hangs is restarted", async () => {
    const limits = ["--hang-limit-secs", "0.2", "--health-timeout-secs", "0.1", "--restart-delay-secs", "0.01"];
    await using launcher = new LauncherProcess([...one("--hang-after-ms 200"), ...limits]);
    await launcher.waitFor(/server-0 hangs: no good probe for 0.2 s; restart in 0.01 s/);
    await launcher.waitFor(/server-0: healthy/, 2);
  });

  test("what a crashed server leaves behind is ended before it is started again", async () => {
    const flags = "--child --own-session --crash-after-ms 150";
    await using launcher = new LauncherProcess([...one(flags), "--restart-delay-secs", "0.05"]);
    const [first = 0] = await launcher.numbers("child", 1);
    await launcher.waitFor(/server-0 exited with status 3; restart in 0.05 s \(crash 1 of 5\)/);
    await launcher.numbers("child", 2);
    expect(await isAlive(first)).toBe(false);
  });

  test("crashes in a row end in giving up, and in exit status 1", async () => {
    const limits = ["--restart-delay-secs", "0.01", "--crash-limit", "3"];
    await using launcher = new LauncherProcess([...one("--exit-now 0"), ...limits]);
    expect(await launcher.exited).toBe(1);
    expect(launcher.lines.filter((line) => line.includes("started, pid"))).toHaveLength(3);
    await launcher.waitFor(/ERROR server-0: given up/);
  });
});
