import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { formatBehaviour, parseBehaviour } from "../../bench/load/behaviour.ts";
import { chatBody } from "../../bench/load/chat-body.ts";
import { clockNs } from "../../bench/load/clock.ts";
import { eachStamp, EventTemplate } from "../../bench/load/event.ts";
import { fieldOf, headEnd, readHead } from "../../bench/load/http-head.ts";
import { LoadRun } from "../../bench/load/load-run.ts";
import type { LoadSpec } from "../../bench/load/load-spec.ts";
import { usageOf } from "../../bench/load/process-usage.ts";
import { readBodyFields } from "../../src/proxy/body-fields.ts";

describe("a chat body", () => {
  test.each([200, 400, 1024, 32_768, 220_000])("of %d bytes has that length and many messages", (bytes) => {
    const body = chatBody(bytes, true);
    const parsed: { messages: unknown[] } = JSON.parse(body.toString());
    expect(body.length).toBe(bytes);
    expect(parsed.messages.length).toBeGreaterThanOrEqual(Math.max(2, Math.floor(bytes / 400)));
  });

  test("says to the router what it says", () => {
    const result = readBodyFields(chatBody(32_768, true));
    expect(result.ok && [result.fields.model, result.fields.stream]).toEqual(["bench-model", true]);
  });
});

describe("an event", () => {
  test("brings its stamp back, wherever it lies in what is read", () => {
    const times = fc.integer({ min: 0, max: 1e15 });
    fc.assert(
      fc.property(fc.array(times, { maxLength: 5 }), fc.nat(50), (sent, offset) => {
        const template = new EventTemplate(200);
        const events = sent.map((at) => {
          template.stamp(at);
          return Buffer.from(template.bytes);
        });
        const found: number[] = [];
        eachStamp(Buffer.concat([Buffer.alloc(offset, 120), ...events]), (at) => found.push(at));
        expect(found).toEqual(sent);
      }),
    );
  });

  test("that is cut off within its stamp is left out", () => {
    const { bytes } = new EventTemplate(200);
    const found: number[] = [];
    eachStamp(bytes.subarray(0, 25), (at) => found.push(at));
    expect(found).toEqual([]);
  });

  test("is one HTTP chunk of the size that it names", () => {
    const text = new EventTemplate(200).bytes.toString();
    const [size = "", rest = ""] = text.split(/\r\n(.*)/s);
    expect(rest.length).toBe(Number.parseInt(size, 16) + 2);
  });
});

test("a behaviour is read as it was written", () => {
  const behaviours = [
    { kind: "answer", bytes: 2048 },
    { kind: "stream", events: 100, everyMs: 20, bytes: 200 },
  ] as const;
  for (const behaviour of behaviours) expect(parseBehaviour(formatBehaviour(behaviour))).toEqual(behaviour);
  expect(parseBehaviour("")).toEqual({ kind: "answer", bytes: 2 });
});

test("a head tells its end and the length of its body", () => {
  const bytes = Buffer.from("HTTP/1.1 200 OK\r\nContent-Length: 12\r\nX-Other: a\r\n\r\nbody");
  const end = headEnd(bytes);
  expect(bytes.subarray(end).toString()).toBe("body");
  const { contentLength, text } = readHead(bytes, end);
  expect(contentLength).toBe(12);
  expect(fieldOf(text, "x-other")).toBe("a");
  expect(headEnd(bytes.subarray(0, end - 1))).toBe(-1);
});

test("the CPU time of a process grows with its work", () => {
  // A thread that ends meanwhile takes its time with it: several tries, of which one must be without such an end.
  const growths = Array.from({ length: 10 }, () => {
    const before = usageOf(process.pid);
    const from = clockNs();
    while (clockNs() - from < 20e6);
    return usageOf(process.pid).cpuNs - before.cpuNs;
  });
  expect(Math.max(...growths)).toBeGreaterThan(1e6);
  expect(usageOf(process.pid).rssKb).toBeGreaterThan(1000);
});

describe("a run of the generator", () => {
  const SPEC: Omit<LoadSpec, "port"> = {
    host: "127.0.0.1",
    path: "/v1/chat/completions",
    connections: 2,
    bodyBytes: 400,
    behaviour: { kind: "answer", bytes: 10 },
    requestsPerSecond: 100,
    spins: false,
    rampPerMs: 10,
    warmUpMs: 150,
    durationMs: 500,
  };

  test("counts against a server that stalls what requests waited for a connection", async () => {
    let answers = 0;
    using server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      async fetch(request) {
        await request.bytes();
        // One answer holds both connections up for a while.
        if (++answers === 20 || answers === 21) await Bun.sleep(200);
        return new Response("0123456789");
      },
    });
    const told: string[] = [];
    const result = await new LoadRun({ ...SPEC, port: server.port ?? 0 }).run(({ kind }) => told.push(kind));
    expect(told).toEqual(["measuring", "measured"]);
    expect(result.failures).toBe(0);
    // A closed loop would see two slow requests; here all wait that were due meanwhile.
    expect(result.latency.p90).toBeGreaterThan(50_000);
    expect(result.requests).toBeGreaterThan(20);
  });

  test("counts statuses other than 200 as failures", async () => {
    using server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response("no", { status: 503 }) });
    const result = await new LoadRun({ ...SPEC, port: server.port ?? 0 }).run(() => {});
    expect(result.failures).toBeGreaterThan(0);
    expect(Object.keys(result.failureKinds)).toEqual([expect.stringMatching(/^http\/1\.1 [45]\d\d/)]);
  });
});
