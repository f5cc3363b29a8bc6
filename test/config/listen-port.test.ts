import { expect, test } from "bun:test";
import { resolveListenPort } from "../../src/config/listen-port.ts";

const SERVICES = "# comment\nhttp\t\t80/tcp\twww # web\nhttp-alt 8080/tcp webcache\nsyslog 514/udp\n";
const readServices = (): string => SERVICES;

test.each([
  ["8080", 8080],
  ["0", 0],
  ["65535", 65535],
  ["+80", 80],
  ["0080", 80],
  ["http", 80],
  ["HTTP", 80],
  ["www", 80],
  ["webcache", 8080],
])("%p is port %d", (text, port) => {
  expect(resolveListenPort(text, readServices)).toEqual({ ok: true, port });
});

test.each([
  ["abc", "listen tcp: address tcp/abc: unknown port"],
  ["0x50", "listen tcp: address tcp/0x50: unknown port"],
  ["8080.5", "listen tcp: address tcp/8080.5: unknown port"],
  [" 80", "listen tcp: address tcp/ 80: unknown port"],
  ["syslog", "listen tcp: address tcp/syslog: unknown port"],
  ["-1", "listen tcp: address -1: invalid port"],
  ["65536", "listen tcp: address 65536: invalid port"],
  [":80", "listen tcp: address ::80: too many colons in address"],
])("%p is refused in Go's words", (text, message) => {
  expect(resolveListenPort(text, readServices)).toEqual({ ok: false, message });
});

test("without a list of services only numbers are ports", () => {
  const nothing = (): string => {
    throw new Error("no such file");
  };
  expect(resolveListenPort("http", nothing).ok).toBe(false);
  expect(resolveListenPort("80", nothing).ok).toBe(true);
});
