/** What operators see of the router from outside is what happened. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { METRICS } from "../../src/metrics/catalog.ts";
import { Fleet } from "../support/fleet.ts";
import { HttpConnection, postJson } from "../support/http-client.ts";

setDefaultTimeout(30_000);

const CHAT = "/v1/chat/completions";
const BODY = { messages: [{ role: "user", content: "x" }], max_tokens: 5, ignore_eos: true };

test("every request is counted once, by endpoint, method and status", async () => {
  await using fleet = await Fleet.start();
  const engine = await fleet.engine();
  await Promise.all(Array.from({ length: 30 }, (_, i) => fleet.chat({ ...BODY, stream: i % 2 === 0 })));
  await fleet.ask(postJson("/v1/completions", { prompt: "x", max_tokens: 2 }));
  await fleet.ask({ path: CHAT, body: "no JSON" });
  for (let i = 0; i < 4; i++) await fleet.ask({ path: `/nowhere/${i}` });
  engine.server.faults.set({ kind: "fail", status: 503, count: 1 });
  await fleet.chat(BODY);
  const metrics = await fleet.metrics();
  const requests = (endpoint: string, method: string, status: number): number | undefined =>
    metrics.values.get(`http_requests_total{endpoint="${endpoint}",method="${method}",status_code="${status}"}`);
  expect(requests(CHAT, "POST", 200)).toBe(30);
  expect(requests(CHAT, "POST", 400)).toBe(1);
  expect(requests(CHAT, "POST", 503)).toBe(1);
  expect(requests("/v1/completions", "POST", 200)).toBe(1);
  expect(requests("other", "GET", 404)).toBe(4);
  expect(metrics.sum("inference_requests_total", `mixed_worker="${engine.url}"`)).toBe(32);
  expect(metrics.sum("fd_router_time_to_first_token_seconds_count")).toBe(15);
  expect(metrics.sum("fd_router_request_errors_total", `reason="invalid_json"`)).toBe(1);
});

test("requests under way are shown by instance, and are gone when they have ended", async () => {
  await using fleet = await Fleet.start();
  const engine = await fleet.engine({ timeScale: 1 });
  const connections = await Promise.all(Array.from({ length: 7 }, () => HttpConnection.connect(fleet.port)));
  const begun = connections.map((connection) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    void connection.ask(postJson(CHAT, { ...BODY, max_tokens: 5000, stream: true }), () => resolve());
    return promise;
  });
  await Promise.all(begun);
  const inFlight = `fd_router_in_flight_requests{instance="${engine.url}"}`;
  expect((await fleet.metrics()).values.get(inFlight)).toBe(7);
  for (const connection of connections) connection.leave();
  await fleet.idle();
  expect((await fleet.metrics()).values.get(inFlight)).toBe(0);
});

test("the page parses, has the types of the catalogue, and names the fleet", async () => {
  await using fleet = await Fleet.start();
  await fleet.engine();
  await fleet.chat({ ...BODY, stream: true });
  const metrics = await fleet.metrics();
  const known = new Map<string, string>(Object.values(METRICS).map(({ name, type }) => [name, type]));
  for (const [name, type] of metrics.types) expect([name, known.get(name)]).toEqual([name, type]);
  expect(metrics.values.get(`fd_router_instances{role="mixed",state="ready"}`)).toBe(1);
  expect(metrics.values.get("fd_router_workers")).toBe(2);
  expect(metrics.values.get("fd_router_worker_restarts_total")).toBe(0);
});

test("the buckets of a histogram grow up to its count", async () => {
  await using fleet = await Fleet.start();
  await fleet.engine();
  for (let i = 0; i < 5; i++) await fleet.chat(BODY);
  const { values } = await fleet.metrics();
  const name = "fd_router_request_duration_seconds";
  const buckets = [...values].filter(([series]) => series.startsWith(`${name}_bucket`)).map(([, value]) => value);
  expect(buckets).toEqual(buckets.toSorted((a, b) => a - b));
  expect(buckets.at(-1)).toBe(5);
  expect(values.get(`${name}_count`)).toBe(5);
});

test("what clients make up does not become a label", async () => {
  await using fleet = await Fleet.start();
  await fleet.engine();
  for (let i = 0; i < 20; i++) {
    await fleet.ask({ path: `/made/up/${i}`, method: "BREW" }).catch(() => undefined);
    await fleet.chat({ ...BODY, model: `made-up-${i}` });
  }
  const { text } = await fleet.ask({ path: "/metrics" });
  expect(text).not.toMatch(/made.up|BREW/);
});
