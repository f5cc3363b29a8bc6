import { describe, expect, test } from "bun:test";
import { ServiceNotifier, watchdogOf } from "../../src/systemd/service-notifier.ts";

/** A socket that notes what it takes; `full` takes nothing. */
function fakeSocket() {
  const taken: string[] = [];
  const state = { full: false };
  const send = (text: string): boolean => {
    if (!state.full) taken.push(text);
    return !state.full;
  };
  return { taken, state, send, monotonicUsec: () => 42n };
}

function start(options: { watchdogMs?: number | null; alive?: () => boolean; status?: () => string } = {}) {
  const socket = fakeSocket();
  const notifier = new ServiceNotifier(socket, options.watchdogMs === undefined ? 4000 : options.watchdogMs, {
    alive: options.alive ?? (() => true),
    status: options.status ?? (() => "2 instances"),
  });
  return { socket, notifier };
}

describe("the messages to systemd", () => {
  test("a life: ready, watchdog, reload, drain", () => {
    const { socket, notifier } = start();
    notifier.tick(0);
    notifier.ready();
    notifier.tick(1000);
    notifier.reloading();
    notifier.tick(2000);
    notifier.reloaded("");
    notifier.stopping();
    notifier.tick(3000);
    expect(socket.taken).toEqual([
      "READY=1\nSTATUS=2 instances",
      "WATCHDOG=1",
      "STATUS=2 instances",
      "RELOADING=1\nMONOTONIC_USEC=42\nSTATUS=Reloading the configuration",
      "WATCHDOG=1",
      "READY=1\nSTATUS=2 instances",
      "STOPPING=1\nEXTEND_TIMEOUT_USEC=15000000\nSTATUS=Draining: 2 instances",
      "WATCHDOG=1",
      "EXTEND_TIMEOUT_USEC=15000000\nSTATUS=Draining: 2 instances",
    ]);
  });

  test("the watchdog starves while a thread does not answer", () => {
    let alive = true;
    const { socket, notifier } = start({ alive: () => alive });
    notifier.ready();
    notifier.tick(0);
    alive = false;
    for (let now = 1000; now < 60_000; now += 1000) notifier.tick(now);
    expect(socket.taken.filter((text) => text === "WATCHDOG=1")).toHaveLength(1);
    alive = true;
    notifier.tick(60_000);
    expect(socket.taken.at(-1)).toBe("WATCHDOG=1");
  });

  test("the watchdog is fed four times in its time, and not at all when nobody watches", () => {
    expect(start({ watchdogMs: 2000 }).notifier.tickMs).toBe(500);
    expect(start({ watchdogMs: 30_000 }).notifier.tickMs).toBe(1000);
    const { socket, notifier } = start({ watchdogMs: null });
    notifier.ready();
    notifier.tick(1000);
    expect(socket.taken).not.toContain("WATCHDOG=1");
  });

  test("a turn that the socket does not take is sent later, in order, and nothing overtakes it", () => {
    const { socket, notifier } = start();
    socket.state.full = true;
    notifier.ready();
    notifier.reloading();
    notifier.tick(1000);
    socket.state.full = false;
    notifier.tick(2000);
    expect(socket.taken.map((text) => text.split("=")[0])).toEqual(["READY", "RELOADING", "WATCHDOG"]);
  });

  test("a failed reload stays in the status until one succeeds", () => {
    const { socket, notifier } = start();
    notifier.ready();
    notifier.reloading();
    notifier.reloaded("config.yaml:3:11: wrong\nSTOPPING=1");
    expect(socket.taken.at(-1)).toBe(
      "READY=1\nSTATUS=2 instances; last reload failed: config.yaml:3:11: wrong STOPPING=1",
    );
    notifier.reloading();
    notifier.reloaded("");
    expect(socket.taken.at(-1)).toBe("READY=1\nSTATUS=2 instances");
  });

  test("a reload that ends after the drain began says nothing", () => {
    const { socket, notifier } = start();
    notifier.ready();
    notifier.reloading();
    notifier.stopping();
    notifier.reloaded("");
    expect(socket.taken.at(-1)).toStartWith("STOPPING=1");
  });

  test("a status that did not change is not told again", () => {
    const { socket, notifier } = start({ watchdogMs: null });
    notifier.ready();
    for (let now = 0; now < 60_000; now += 1000) notifier.tick(now);
    expect(socket.taken).toHaveLength(2);
  });

  test("without a socket nothing happens", () => {
    let asked = 0;
    const notifier = new ServiceNotifier(null, 4000, { alive: () => true, status: () => String(asked++) });
    notifier.ready();
    notifier.reloading();
    notifier.reloaded("");
    notifier.tick(10_000);
    notifier.stopping();
    expect(asked).toBe(0);
  });
});

describe("the watchdog's time", () => {
  test.each([
    [{ WATCHDOG_USEC: "30000000" }, 30_000],
    [{ WATCHDOG_USEC: "30000000", WATCHDOG_PID: "7" }, 30_000],
    [{ WATCHDOG_USEC: "30000000", WATCHDOG_PID: "8" }, null],
    [{ WATCHDOG_USEC: "0" }, null],
    [{ WATCHDOG_USEC: "soon" }, null],
    [{}, null],
  ])("%p for process 7 is %p", (env, expected) => {
    expect(watchdogOf(env, 7)).toBe(expected);
  });
});
