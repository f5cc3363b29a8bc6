import { describe, expect, test } from "bun:test";
import { instanceId, type InstanceId } from "../../src/fleet/instance.ts";
import { logOptions } from "../../src/log/options.ts";
import { METRICS } from "../../src/metrics/catalog.ts";
import { newRecord, type RequestRecord } from "../../src/proxy/record.ts";
import { Departures } from "../../src/worker/departures.ts";
import { ThreadRecorder } from "../../src/worker/recorder.ts";
import { instanceOn } from "../faults/support/front.ts";
import { FakeClient, type FakeClientOptions } from "../proxy/support/fake-client.ts";

function setUp(log: Record<string, unknown> = {}): {
  recorder: ThreadRecorder;
  crashes: string[];
  failures: InstanceId[];
  takeLines: () => string;
} {
  let lines = "";
  const crashes: string[] = [];
  const failures: InstanceId[] = [];
  const recorder = new ThreadRecorder({
    log: logOptions.parse(log),
    onLines: (bytes) => (lines += Buffer.from(bytes).toString()),
    onCrash: (text) => crashes.push(text),
    onFailure: (id) => failures.push(id),
  });
  const takeLines = (): string => {
    recorder.flushLines();
    const taken = lines;
    lines = "";
    return taken;
  };
  return { recorder, crashes, failures, takeLines };
}

function record(changes: Partial<RequestRecord> = {}, client: FakeClientOptions = {}): RequestRecord {
  const fresh = newRecord(new FakeClient(client), 1000);
  return { ...fresh, endpoint: fresh.path, status: 200, ...changes };
}

const answered = {
  instance: instanceOn(8001),
  bodyAt: 1001,
  forwardedAt: 1003,
  firstByteAt: 1050,
  stream: true,
  requestBytes: 10,
  responseBytes: 20,
};

function elsewhere(connectionsOpened: number): Parameters<ThreadRecorder["metrics"]>[0] {
  return { connectionsOpened, sessions: { hits: 0, requests: 0 } };
}

describe("a finished request", () => {
  test("counts once everywhere", () => {
    const { recorder } = setUp();
    recorder.finish(record(answered), 2000);
    const { counters, histograms } = recorder.metrics(elsewhere(5));
    expect(Object.fromEntries(counters)).toEqual({
      router_cache_hit_total: 0,
      router_cache_request_total: 0,
      'http_requests_total{endpoint="/v1/chat/completions",method="POST",status_code="200"}': 1,
      'inference_requests_total{decode_worker="",mixed_worker="http://127.0.0.1:8001",prefill_worker="",status_code="200"}': 1,
      fd_router_request_bytes_total: 10,
      fd_router_response_bytes_total: 20,
      fd_router_upstream_connections_total: 5,
      fd_router_retries_total: 0,
      fd_router_log_lines_dropped_total: 0,
    });
    expect(histograms.get(METRICS.requestDuration.name)?.sum).toBeCloseTo(1);
    expect(histograms.get(METRICS.timeToFirstToken.name)?.sum).toBeCloseTo(0.05);
    expect(histograms.get(METRICS.overhead.name)?.sum).toBeCloseTo(0.002);
  });

  test("that no instance answered is no inference request, but has its reason", () => {
    const { recorder } = setUp();
    recorder.finish(record({ status: 503, error: "no_instance" }), 2000);
    const series = [...recorder.metrics(elsewhere(0)).counters.keys()].join();
    expect(series).toContain('fd_router_request_errors_total{reason="no_instance"}');
    expect(series).not.toContain("inference_requests_total");
  });

  test("figures that were taken do not change afterwards", () => {
    const { recorder } = setUp();
    recorder.finish(record(), 2000);
    const taken = recorder.metrics(elsewhere(0));
    recorder.finish(record(), 2000);
    expect(
      taken.counters.get('http_requests_total{endpoint="/v1/chat/completions",method="POST",status_code="200"}'),
    ).toBe(1);
  });
});

describe("access lines", () => {
  test("are taken once, one a request, with the query", () => {
    const { recorder, takeLines } = setUp();
    recorder.finish(record({}, { query: "a=1" }), 1002);
    recorder.finish(record({ status: 404 }, { path: "/x", method: "GET" }), 1002);
    expect(takeLines().match(/\[(POST|GET)\] \S+ HTTP\/1\.1 \d+ \S+ \S+\n/g)).toEqual([
      "[POST] /v1/chat/completions?a=1 HTTP/1.1 200 2ms 10.0.0.9\n",
      "[GET] /x HTTP/1.1 404 2ms 10.0.0.9\n",
    ]);
    expect(takeLines()).toBe("");
  });

  test.each([{ access: false }, { level: "warn" }, { level: "error" }])("are not written with %j", (log) => {
    const { recorder, takeLines } = setUp(log);
    recorder.finish(record(), 1002);
    expect(takeLines()).toBe("");
  });

  test("O06 that nobody takes are dropped and counted", async () => {
    const { recorder, takeLines } = setUp();
    for (let i = 0; i < 10_000; i++) recorder.finish(record({}, { query: "q".repeat(250) }), 1002);
    // Lines are written at the end of the turn.
    await new Promise(setImmediate);
    const dropped = recorder.metrics(elsewhere(0)).counters.get(METRICS.logDropped.name) ?? 0;
    expect(dropped).toBeGreaterThan(1000);
    expect(takeLines().split("\n").length - 1).toBe(10_000 - dropped);
  });
});

test("failures and crashes are handed on", () => {
  const { recorder, crashes, failures } = setUp();
  recorder.upstreamFailed(instanceId("http", "10.0.0.1", 80), "cut");
  recorder.crashed(new TypeError("oops"));
  recorder.crashed("odd");
  expect(failures).toEqual([instanceId("http", "10.0.0.1", 80)]);
  expect([crashes[0]?.includes("TypeError: oops"), crashes[1]]).toEqual([true, "odd"]);
});

describe("O04 instances that left", () => {
  const snapshot = (version: number, ports: readonly number[]) => ({
    version,
    members: ports.map((port) => ({
      instance: instanceOn(port),
      state: "ready" as const,
      epoch: 1,
      readyAgeMs: 0,
      report: null,
    })),
  });

  test("lose their series, and nobody else does", () => {
    const { recorder } = setUp({ access: false });
    for (const port of [8001, 80, 8002]) {
      recorder.finish(record({ ...answered, instance: instanceOn(port) }), 2000);
      recorder.upstreamFailed(instanceOn(port).id, "cut");
    }
    recorder.forget(new Set([instanceOn(8001).id, instanceOn(80).id]));
    const series = [...recorder.metrics(elsewhere(0)).counters.keys()];
    expect(series.filter((each) => each.includes("127.0.0.1"))).toHaveLength(2);
    expect(series.join()).toContain("127.0.0.1:8002");
  });

  test("are told once, after five minutes, unless they came back", () => {
    const departures = new Departures();
    expect([...departures.update(snapshot(1, [1, 2, 3]), 0)]).toHaveLength(3);
    departures.update(snapshot(2, [3]), 1000);
    departures.update(snapshot(3, [2, 3]), 2000);
    expect([...departures.takeForgotten(300_999)]).toEqual([]);
    expect([...departures.takeForgotten(301_000)]).toEqual([instanceOn(1).id]);
    expect([...departures.takeForgotten(9e9)]).toEqual([]);
  });

  test("make no growth: 20,000 that come and go leave nothing", () => {
    const departures = new Departures();
    const { recorder } = setUp({ access: false });
    for (let i = 1; i <= 20_000; i++) {
      departures.update(snapshot(i, [i]), i * 1000);
      recorder.upstreamFailed(instanceOn(i).id, "connect");
      if (i % 500 === 0) recorder.forget(departures.takeForgotten(i * 1000));
    }
    expect(recorder.metrics(elsewhere(0)).counters.size).toBeLessThan(900);
  });
});
