import { describe, expect, test } from "bun:test";
import { fakeServer, LauncherProcess } from "../support/launcher/launcher-process.ts";
import { TestRegistry } from "../support/launcher/test-registry.ts";

const two = (flags = ""): string[] => ["--num-servers", "2", "--ports", "auto", "--command", fakeServer(flags)];
const ready = (count: number) => (members: readonly { readonly state: string }[]) =>
  members.filter((member) => member.state === "ready").length === count;

describe("a launcher with a router", () => {
  test("registers each server with weight, limit and model, and reports its load", async () => {
    await using registry = await TestRegistry.start();
    const limits = ["--weight", "2.5", "--max-in-flight", "64", "--served-model", "m"];
    await using launcher = new LauncherProcess([...registry.flags, ...limits, ...two()]);
    const members = await registry.until((all) => all.length === 2 && all.every((one) => one.report !== null));
    expect(members[0]?.instance).toMatchObject({ host: "127.0.0.1", weight: 2.5, maxInFlight: 64, model: "m" });
    expect(members[0]?.report).toMatchObject({ running: 2, waiting: 1 });
    await launcher.waitFor(/router: connected/);
  });

  test("a stop waits for the router's requests, while no new ones are sent", async () => {
    await using registry = await TestRegistry.start();
    registry.inFlight = 1;
    await using launcher = new LauncherProcess([...registry.flags, ...two()]);
    await registry.until(ready(2));
    launcher.signal("SIGTERM");
    await registry.until((members) => members.length === 2 && members.every((one) => one.state === "draining"));
    expect(launcher.lines.filter((line) => line.endsWith("] SIGTERM"))).toEqual([]);
    registry.inFlight = 0;
    expect(await launcher.exited).toBe(0);
    expect(registry.members).toEqual([]);
  });

  test("a crashed server is taken away at once, and comes back as another process", async () => {
    await using registry = await TestRegistry.start();
    const args = ["--num-servers", "1", "--ports", "auto", "--restart-delay-secs", "0.05"];
    const command = ["--command", fakeServer("--crash-after-ms 250")];
    await using launcher = new LauncherProcess([...registry.flags, ...args, ...command]);
    const [first] = await registry.until(ready(1));
    await launcher.waitFor(/exited with status 3/);
    await registry.until(ready(0));
    const [second] = await registry.until(ready(1));
    expect(second?.instance.port).toBe(first?.instance.port ?? 0);
    expect(second?.epoch).not.toBe(first?.epoch);
  });

  test("a restarted router is told of the fleet again", async () => {
    const before = await TestRegistry.start();
    await using launcher = new LauncherProcess([...before.flags, ...two()]);
    await before.until(ready(2));
    const { port } = before;
    await before[Symbol.asyncDispose]();
    await launcher.waitFor(/connection lost/);
    await using after = await TestRegistry.start(port);
    await after.until(ready(2));
  });

  test("SIGHUP restarts one server after another, each drained first", async () => {
    await using registry = await TestRegistry.start();
    await using launcher = new LauncherProcess([...registry.flags, ...two()]);
    await registry.until(ready(2));
    const before = await launcher.numbers("pid", 2);
    registry.readyCounts.length = 0;
    launcher.signal("SIGHUP");
    await launcher.waitFor(/rolling restart: done/);
    expect(Math.min(...registry.readyCounts)).toBe(1);
    expect(registry.members.map((one) => one.state)).toEqual(["ready", "ready"]);
    const pids = await launcher.numbers("pid", 4);
    expect(new Set([...before, ...pids]).size).toBe(4);
  });
});
