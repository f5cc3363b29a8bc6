import { describe, expect, test } from "bun:test";
import { parseClientMessage, parseRouterMessage } from "../../src/registration/messages.ts";

const register = (instance: object): unknown => ({ t: "register", seq: 7, instance });
const least = { role: "mixed", host_ip: "10.0.0.1", port: 8000 };

function problemOf(value: unknown): string {
  const parsed = parseClientMessage(value);
  return parsed.ok ? "" : `${parsed.seq} ${parsed.code}: ${parsed.problem}`;
}

describe("messages of a client", () => {
  test("a full registration is read field by field", () => {
    const instance = {
      ...least,
      metrics_port: 8001,
      connector_port: "7000",
      engine_worker_queue_port: "7001",
      transfer_protocol: ["ipc", "rdma"],
      rdma_ports: ["1", "2"],
      device_ids: ["0"],
      tp_size: 2,
      version: "v1",
      weight: 1.5,
      model: "m",
      max_in_flight: 64,
      boot_id: "b",
    };
    const parsed = parseClientMessage(register(instance));
    expect(parsed).toEqual({ ok: true, message: { t: "register", seq: 7, instance: { ...instance, role: "mixed" } } });
  });

  test("G14 numbers count by value: strings, 64-bit integers, whole floats", () => {
    const parsed = parseClientMessage({
      t: "register",
      seq: "7",
      instance: {
        ...least,
        port: "8000",
        metrics_port: 8001n,
        rdma_ports: [1n, 2, "3"],
        tp_size: 2.0,
        connector_port: 7n,
      },
    });
    expect(parsed.ok && parsed.message.t === "register" ? parsed.message.instance : null).toMatchObject({
      port: 8000,
      metrics_port: 8001,
      rdma_ports: ["1", "2", "3"],
      tp_size: 2,
      connector_port: "7",
    });
  });

  test.each(
    [NaN, Infinity, -1, 0, 65536, 2 ** 53 + 1, 2n ** 64n, 80.5, "80.5", "0x50", true, [], {}].map((port) => [port]),
  )("G13 a port of %p is refused", (port) => {
    expect(problemOf(register({ ...least, port }))).toStartWith("7 invalid_instance: port ");
  });

  test.each([
    ["1 MB", "x".repeat(1_000_000)],
    ["newline", "a\nb"],
    ["ANSI escape", "\u001b[31m"],
    ["line separator", "\u2028"],
    ["DEL", "\u007f"],
  ])("G15 S06 a model name with %s is refused", (_, model) => {
    expect(problemOf(register({ ...least, model }))).toStartWith("7 invalid_instance: model ");
  });

  test("G15 quotes and braces are ordinary characters of a name", () => {
    expect(problemOf(register({ ...least, model: '"{}' }))).toBe("");
  });

  test("G24 fields and optional ones that are missing do no harm", () => {
    expect(problemOf({ t: "hello", version: 99, colour: "blue" })).toBe("");
    expect(problemOf(register({ ...least, later: { a: [1] }, model: null }))).toBe("");
    expect(problemOf({ t: "dance", seq: 3 })).toBe('3 unknown_message: message type "dance" is not known');
  });

  test("G07 names of Object's own are no fields", () => {
    expect(problemOf({ t: "toString" })).toContain("unknown_message");
    expect(problemOf(JSON.parse('{"__proto__": {"t": "hello", "version": 1}}'))).toBe("0 bad_message: t is required");
  });

  test.each([[null], [1], ["hello"], [[]], [new Uint8Array(3)]])("%p is no message", (value) => {
    expect(problemOf(value)).toBe("0 bad_message: message is not a map");
  });

  test("figures of a report are bounded", () => {
    const report = { t: "report", lease: 1, running: 1, waiting: 0, kv_usage: 0.5 };
    expect(problemOf(report)).toBe("");
    for (const wrong of [
      { running: -1 },
      { running: 1.5 },
      { waiting: 1e9 },
      { kv_usage: 1.01 },
      { kv_usage: Number.NaN },
      { lease: 0 },
    ]) {
      expect(problemOf({ ...report, ...wrong })).toStartWith("0 bad_message");
    }
  });

  test("orders need a sequence number, since they are answered", () => {
    expect(problemOf({ t: "leave", lease: 1 })).toBe("0 bad_message: seq is required");
    expect(problemOf({ t: "leave", lease: 1, seq: 2 })).toBe("");
  });

  test("long lists are refused", () => {
    const rdma_ports = Array.from({ length: 257 }, (_, i) => i);
    expect(problemOf(register({ ...least, rdma_ports }))).toContain("more than 256");
  });
});

describe("messages of the router", () => {
  test("a client ignores what it does not know", () => {
    expect(parseRouterMessage({ t: "news" })).toBeNull();
    expect(parseRouterMessage({ t: "welcome", version: 1, heartbeat_ms: 0, lease_ms: 1 })).toBeNull();
    expect(parseRouterMessage({ t: "beat", more: 1 })).toEqual({ t: "beat" });
  });

  test("reasons and codes of a later version read as the general ones", () => {
    expect(parseRouterMessage({ t: "revoked", lease: 1, reason: "bored" })).toEqual({
      t: "revoked",
      lease: 1,
      reason: "unknown",
    });
    expect(parseRouterMessage({ t: "error", seq: 1, code: "toString", message: "x" })).toMatchObject({
      code: "bad_message",
    });
  });
});
