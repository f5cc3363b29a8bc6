import { afterEach, describe, expect, test } from "bun:test";
import { connect } from "node:net";
import { FaultSwitches, parseFaultFlag, type Fault } from "../../src/mock-engine/faults.ts";
import type { MockEngine } from "../../src/mock-engine/mock-engine.ts";
import { chatBody, post, startFast, until } from "./support.ts";

let engine: MockEngine;

/** A raw exchange: what came, and how the connection ended (after a stream's own end it stays open: `open`). */
function exchange(
  port: number,
  body: string,
  path = "/v1/chat/completions",
): Promise<{ text: string; ending: string }> {
  return new Promise((resolve) => {
    let text = "";
    let ending = "closed";
    const socket = connect(port, "127.0.0.1", () => {
      const head = `POST ${path} HTTP/1.1\r\nHost: m\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n`;
      socket.write(head + body);
    });
    socket.on("data", (bytes) => {
      text += bytes.toString();
      if (!text.endsWith("0\r\n\r\n")) return;
      ending = "open";
      socket.destroy();
    });
    socket.on("error", (error: NodeJS.ErrnoException) => (ending = error.code ?? "error"));
    socket.on("close", () => resolve({ text, ending }));
  });
}

const STREAM = chatBody({ stream: true, max_tokens: 10 });
const events = (text: string): number => text.match(/"finish_reason":/g)?.length ?? 0;

async function setFault(fault: object): Promise<void> {
  expect((await post(`http://127.0.0.1:${engine.metricsPort}/mock/fault`, JSON.stringify(fault))).status).toBe(200);
}

describe("faults at run time", () => {
  afterEach(() => engine.stop(0.01));

  test("fail hits the next K requests with its status", async () => {
    engine = startFast();
    await setFault({ kind: "fail", status: 503, count: 2 });
    const statuses: number[] = [];
    for (let i = 0; i < 3; i++) statuses.push((await post(`${engine.url}/v1/chat/completions`, chatBody())).status);
    expect(statuses).toEqual([503, 503, 200]);
  });

  test("overload is a 429 with a detail", async () => {
    engine = startFast();
    await setFault({ kind: "overload" });
    const reply = await post(`${engine.url}/v1/chat/completions`, chatBody());
    expect(reply.status).toBe(429);
    expect(JSON.parse(reply.text)).toHaveProperty("detail");
  });

  test("cut closes in the middle of a stream, without the last chunk, and frees the slot", async () => {
    engine = startFast();
    await setFault({ kind: "cut", after: 3, count: 1 });
    const { text, ending } = await exchange(engine.port, STREAM);
    expect(events(text)).toBe(3);
    expect(text).not.toEndWith("0\r\n\r\n");
    expect(ending).toBe("closed");
    await until(() => engine.server.engine.running === 0);
    expect((await exchange(engine.port, STREAM)).ending).toBe("open");
  });

  test("reset is an RST before the first byte, or after some events", async () => {
    engine = startFast();
    await setFault({ kind: "reset", count: 1 });
    expect(await exchange(engine.port, STREAM)).toEqual({ text: "", ending: "ECONNRESET" });
    await setFault({ kind: "reset", after: 2, count: 1 });
    expect((await exchange(engine.port, STREAM)).ending).toBe("ECONNRESET");
    await until(() => engine.server.open === 0);
  });

  test("error-frame ends a stream with the real frame and [DONE]", async () => {
    engine = startFast();
    await setFault({ kind: "error-frame", after: 2 });
    const { text, ending } = await exchange(engine.port, STREAM);
    expect(events(text)).toBe(2);
    expect(text).toMatch(
      /data: {"error":{"message":"request\[chatcmpl-[^"]*\] generate stream error: [^"]*","type":"internal_error","param":null,"code":null}}\n\ndata: \[DONE\]\n\n/,
    );
    expect(ending).toBe("open");
  });

  test("no-done ends a stream properly but without [DONE]", async () => {
    engine = startFast();
    await setFault({ kind: "no-done" });
    const { text, ending } = await exchange(engine.port, STREAM);
    expect(text).not.toContain("[DONE]");
    expect(events(text)).toBe(10);
    expect(ending).toBe("open");
  });

  test("a stalled request gets nothing and holds its connection; with after, the head and some events", async () => {
    engine = startFast();
    await setFault({ kind: "stall", after: 1 });
    const response = await fetch(`${engine.url}/v1/chat/completions`, { method: "POST", body: STREAM });
    const reader = response.body?.getReader();
    await reader?.read();
    await until(() => engine.server.metrics.completed === 1);
    expect(engine.server.openStreams).toBe(1);
    await reader?.cancel();
    await until(() => engine.server.openStreams === 0);
  });

  test("health switches /health and nothing else", async () => {
    engine = startFast();
    await setFault({ kind: "health" });
    const health = await fetch(`${engine.url}/health`);
    expect([health.status, await health.text()]).toEqual([404, "Worker Service Not Healthy"]);
    expect((await post(`${engine.url}/v1/chat/completions`, chatBody())).status).toBe(200);
    await setFault({ kind: "health", off: true });
    expect((await fetch(`${engine.url}/health`)).status).toBe(200);
  });

  test("refuse closes the port until it is taken back", async () => {
    engine = startFast({ metricsPort: 0 });
    await setFault({ kind: "refuse" });
    const refused = await fetch(`${engine.url}/health`).catch((error: { code?: string }) => error.code);
    expect(refused).toBe("ECONNREFUSED");
    await setFault({ kind: "none" });
    expect((await fetch(`${engine.url}/health`)).status).toBe(200);
  });

  test("metrics can be off, or stale", async () => {
    engine = startFast();
    await setFault({ kind: "metrics-stale" });
    await post(`${engine.url}/v1/chat/completions`, chatBody());
    const stale = await (await fetch(`${engine.url}/metrics`)).text();
    expect(stale).toContain("\nfastdeploy:request_success_total 0.0\n");
    await setFault({ kind: "metrics-off" });
    expect((await fetch(`${engine.url}/metrics`)).status).toBe(404);
  });

  test("slow multiplies the length of steps", async () => {
    engine = startFast();
    await setFault({ kind: "slow", factor: 7 });
    expect(engine.server.engine.slowFactor).toBe(7);
    await setFault({ kind: "slow", off: true });
    expect(engine.server.engine.slowFactor).toBe(1);
  });

  test("a fault that is not understood is refused with a reason", async () => {
    engine = startFast();
    const reply = await post(`${engine.url}/mock/fault`, `{"kind":"explode"}`);
    expect(reply.status).toBe(400);
    expect(reply.text).toContain("wanted one of fail");
  });
});

test("a flag is a kind with numbers", () => {
  expect(parseFaultFlag("slow:factor=2.5")).toEqual({ kind: "slow", factor: 2.5 });
  expect(parseFaultFlag("fail:status=503,share=0.1")).toEqual({ kind: "fail", status: 503, share: 0.1 });
  expect(() => parseFaultFlag("fail:status=x")).toThrow("status");
  expect(() => parseFaultFlag("fail:colour=1")).toThrow("colour");
});

test("a share hits about that part, and the same seed hits the same requests", () => {
  const count = hits(1).filter(Boolean).length;
  expect(count).toBeGreaterThan(500);
  expect(count).toBeLessThan(700);
  expect(hits(1)).toEqual(hits(1));
  expect(hits(2)).not.toEqual(hits(1));
});

function hits(seed: number): boolean[] {
  const faults = new FaultSwitches(seed);
  const fault: Fault = { kind: "fail", share: 0.3 };
  faults.set(fault);
  return Array.from({ length: 2000 }, () => faults.hit("fail") !== null);
}
