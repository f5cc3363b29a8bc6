import { afterAll, afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodeAddress, openNotifySocket } from "../../src/systemd/notify-socket.ts";
import { NotifyReceiver } from "./support/notify-receiver.ts";

const folder = mkdtempSync(join(tmpdir(), "fd-router-notify-"));
const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

function receive(address: string): NotifyReceiver {
  const receiver = new NotifyReceiver(address);
  closers.push(() => receiver.close());
  return receiver;
}

afterAll(() => rmSync(folder, { recursive: true }));

describe("the notify socket", () => {
  test.each([join(folder, "socket"), `@fd-router-test-${process.pid}`])("sends to %s", async (address) => {
    const receiver = receive(address);
    const socket = openNotifySocket(address);
    expect(socket?.send("READY=1\nSTATUS=a = b")).toBe(true);
    expect((await receiver.next("READY")).variables).toEqual({ READY: "1", STATUS: "a = b" });
  });

  test.each([undefined, "", "relative/path", "vsock:2:1234", "@", `/${"x".repeat(107)}`])(
    "there is none for the address %p",
    (address) => {
      expect(openNotifySocket(address)).toBeNull();
    },
  );

  test("a message that nobody can take is told, not thrown", () => {
    expect(openNotifySocket(join(folder, "nobody"))?.send("READY=1")).toBe(false);
  });

  test("a full socket refuses instead of blocking", () => {
    const address = `@fd-router-full-${process.pid}`;
    const receiver = receive(address);
    const socket = openNotifySocket(address);
    let sent = 0;
    while (sent < 10_000 && socket?.send("WATCHDOG=1") === true) sent++;
    expect(sent).toBeLessThan(10_000);
    receiver.read();
    expect(receiver.messages).toHaveLength(sent);
    expect(socket?.send("WATCHDOG=1")).toBe(true);
  });

  test("tells the time on the clock that systemd reads", () => {
    const uptimeSecs = Number(readFileSync("/proc/uptime", "latin1").split(" ")[0]);
    const usec = openNotifySocket("@any")?.monotonicUsec() ?? 0n;
    expect(Math.abs(Number(usec) / 1e6 - uptimeSecs)).toBeLessThan(5);
  });

  test("an abstract name has a zero byte in front and none behind", () => {
    expect(encodeAddress("@ab")).toEqual(Buffer.from([1, 0, 0, 97, 98]));
    expect(encodeAddress("/a")).toEqual(Buffer.from([1, 0, 47, 97, 0]));
  });
});
