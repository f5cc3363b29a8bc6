import { describe, expect, test } from "bun:test";
import { FakeHost } from "../support/launcher/fake-host.ts";

describe("the supervisor", () => {
  test("registers a group when its last server is healthy", async () => {
    const host = new FakeHost([["a", "b"]]);
    await host.up("a");
    expect(host.done).toEqual(["start a", "start b"]);
    await host.up("b");
    expect(host.done.slice(2)).toEqual(["register a", "register b"]);
    expect(host.notes).toContain("fleet is up, 2 servers");
  });

  test("says every so often which servers it waits for", async () => {
    const host = new FakeHost([["a", "b", "c"]]);
    await host.up("b");
    await host.pass(4000);
    expect(host.notes).toContain("group: 1 of 3 healthy after 4 s; waiting for a, c");
  });

  test("a replica that crashes is taken away and restarted; the others are left alone", async () => {
    const host = new FakeHost([["a"], ["b"]]);
    await host.up("a", "b");
    host.done.length = 0;
    await host.exit("a", 7);
    expect(host.done).toEqual(["leave a", "terminate a"]);
    await host.pass(700);
    expect(host.done.slice(2)).toEqual(["start a", "register a"]);
    expect(host.notes).toContain("error a exited with status 7; restart in 0.1 s (crash 1 of 3)");
  });

  test("a crash in a data-parallel group restarts the whole group", async () => {
    const host = new FakeHost([["a", "b"]]);
    await host.up("a", "b");
    host.done.length = 0;
    await host.exit("b");
    expect(host.done).toEqual(["leave b", "leave a", "terminate a", "terminate b"]);
    await host.pass(500);
    expect(host.done).toHaveLength(4);
    await host.exit("a");
    await host.pass(700);
    expect(host.done.slice(4)).toEqual(["start a", "start b", "register a", "register b"]);
  });

  test("a server that hangs is ended, and killed when it does not go", async () => {
    const host = new FakeHost([["a"]]);
    await host.up("a");
    host.well.clear();
    await host.pass(5500);
    expect(host.done.slice(2)).toEqual(["leave a", "terminate a"]);
    expect(host.notes).toContain("error a hangs: no good probe for 5 s; restart in 0.1 s (crash 1 of 3)");
    await host.pass(2000);
    expect(host.done.at(-1)).toBe("kill a");
  });

  test("one bad probe is told, but changes nothing", async () => {
    const host = new FakeHost([["a"]]);
    await host.up("a");
    host.well.clear();
    await host.pass(1500);
    await host.up("a");
    await host.pass(6000);
    expect(host.notes).toContain("warn a: health probe failed");
    expect(host.phases()).toEqual({ a: "running" });
  });

  test("when every unit has been given up, it ends with status 1", async () => {
    const host = new FakeHost([["a"]]);
    host.refuseStart("a");
    await host.pass(2000);
    expect(await host.supervisor.finished).toBe(1);
    expect(host.notes).toContain("error a cannot be started: no such program; no restart (crash 3 of 3)");
    expect(host.notes.at(-1)).toBe("error a: given up");
  });

  test("a unit that was given up does not end the others", async () => {
    const host = new FakeHost([["a"], ["b"]]);
    host.refuseStart("a");
    await host.up("b");
    await host.pass(2000);
    expect(host.phases()).toEqual({ a: "failed", b: "running" });
  });

  test("a stop drains first, and ends with status 0", async () => {
    const host = new FakeHost([["a"], ["b"]]);
    host.holdDrains = true;
    await host.up("a", "b");
    host.done.length = 0;
    host.supervisor.stop();
    await host.pass(200);
    expect(host.done).toEqual(["drain a", "drain b"]);
    host.heldDrains[1]?.();
    await host.pass(100);
    expect(host.done.slice(2)).toEqual(["terminate b"]);
    host.heldDrains[0]?.();
    await host.exit("b", 0);
    await host.exit("a", 0);
    await host.pass(100);
    expect(await host.supervisor.finished).toBe(0);
    expect(host.done.slice(3)).toEqual(["terminate a", "leave b", "leave a"]);
  });

  test("the router is stopped before the servers", async () => {
    const host = new FakeHost([["router"], ["a"]], { front: "router" });
    await host.up("router", "a");
    host.done.length = 0;
    host.supervisor.stop();
    await host.pass(200);
    expect(host.done).toEqual(["drain router", "terminate router"]);
    await host.exit("router", 0);
    await host.pass(200);
    expect(host.done.slice(3)).toEqual(["drain a", "terminate a"]);
  });

  test("a stop at once kills everything that lives", async () => {
    const host = new FakeHost([["a"], ["b"]]);
    await host.up("a", "b");
    host.supervisor.stop();
    host.supervisor.stopNow();
    expect(host.done.filter((one) => one.startsWith("kill"))).toEqual(["kill a", "kill b"]);
  });

  test("a stop while a restart is pending starts nothing more", async () => {
    const host = new FakeHost([["a"]]);
    await host.up("a");
    await host.exit("a");
    host.supervisor.stop();
    await host.pass(1000);
    expect(await host.supervisor.finished).toBe(0);
    expect(host.done.filter((one) => one === "start a")).toHaveLength(1);
  });

  test("a rolling restart waits until the router has each one back", async () => {
    const host = new FakeHost([["a"], ["b"]]);
    await host.up("a", "b");
    host.done.length = 0;
    host.supervisor.rollingRestart();
    await host.pass(200);
    expect(host.done).toEqual(["drain a", "terminate a"]);
    host.well.delete("a");
    await host.exit("a", 0);
    await host.pass(2000);
    expect(host.done).not.toContain("drain b");
    await host.up("a");
    await host.pass(200);
    expect(host.done.slice(-3)).toEqual(["register a", "drain b", "terminate b"]);
    await host.exit("b", 0);
    await host.pass(2000);
    expect(host.notes.at(-1)).toBe("rolling restart: done");
  });

  test("a rolling restart works without a router", async () => {
    const host = new FakeHost([["a"], ["b"]], { router: false });
    await host.up("a", "b");
    host.supervisor.rollingRestart();
    for (const name of ["a", "b"]) {
      await host.pass(200);
      await host.exit(name, 0);
      await host.pass(1000);
    }
    expect(host.notes.at(-1)).toBe("rolling restart: done");
  });

  test("load is reported while a server runs, and its token rate is shown", async () => {
    const host = new FakeHost([["a"]]);
    const load = { running: 3, waiting: 0, kvUsage: 0.5, generatedTokens: 100 };
    host.load.set("a", load);
    await host.up("a");
    host.load.set("a", { ...load, generatedTokens: 600 });
    await host.pass(1000);
    expect(host.done).toContain("report a 3");
    expect(host.supervisor.view()[0]).toMatchObject({ load: { running: 3 }, tokensPerSec: 500 });
  });

  test("figures that are missing are not reported as idle", async () => {
    const host = new FakeHost([["a"]]);
    await host.up("a");
    await host.pass(3000);
    expect(host.done.filter((one) => one.startsWith("report"))).toEqual([]);
    expect(host.supervisor.view()[0]?.load).toBeNull();
  });
});
