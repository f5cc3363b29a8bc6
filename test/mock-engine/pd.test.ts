import { afterEach, expect, test } from "bun:test";
import type { MockEngine } from "../../src/mock-engine/mock-engine.ts";
import type { MockEngineOptions } from "../../src/mock-engine/options.ts";
import { chatBody, post, startFast, until } from "./support.ts";

let prefill: MockEngine;
let decode: MockEngine;

function startPair(decodeOptions: Partial<MockEngineOptions> = {}): void {
  prefill = startFast({ role: "prefill" });
  decode = startFast({ role: "decode", prefixCaching: false, ...decodeOptions });
}

afterEach(async () => {
  await Promise.all([prefill.stop(0.01), decode.stop(0.01)]);
});

function pdBody(requestId: string, overrides: object = {}): string {
  const disaggregate_info = {
    prefill_ip: "127.0.0.1",
    decode_ip: "127.0.0.1",
    prefill_connector_port: prefill.connectorPort,
    decode_connector_port: String(decode.connectorPort),
    transfer_protocol: "ipc",
    decode_tp_size: 1,
  };
  return chatBody({ request_id: requestId, disaggregate_info, ...overrides });
}

const chat = (engine: MockEngine, body: string, init: RequestInit = {}) =>
  fetch(`${engine.url}/v1/chat/completions`, { method: "POST", body, ...init });

test("prefill answers with the first token, decode with all of them", async () => {
  startPair();
  const body = pdBody("a");
  const [p, d] = await Promise.all([chat(prefill, body), chat(decode, body)]);
  const [first, all] = [await p.json(), await d.json()];
  expect(first).toMatchObject({ usage: { completion_tokens: 1 } });
  expect(all).toMatchObject({ id: "chatcmpl-a", usage: { completion_tokens: 5 } });
  expect(prefill.server.engine.running + decode.server.engine.running).toBe(0);
});

test("either half may come first", async () => {
  startPair();
  const body = pdBody("a");
  const d = chat(decode, body);
  await until(() => decode.server.open === 1);
  const p = chat(prefill, body);
  expect([(await p).status, (await d).status]).toEqual([200, 200]);
  const other = pdBody("b");
  const p2 = chat(prefill, other);
  await until(() => prefill.server.open === 1);
  expect([(await chat(decode, other)).status, (await p2).status]).toEqual([200, 200]);
});

test("without disaggregate_info both refuse", async () => {
  startPair();
  for (const engine of [prefill, decode])
    expect((await post(`${engine.url}/v1/chat/completions`, chatBody())).status).toBe(500);
});

test("decode without its prefill half hangs until its client leaves", async () => {
  startPair();
  const leaving = new AbortController();
  const call = chat(decode, pdBody("a", { stream: true }), { signal: leaving.signal });
  await until(() => decode.server.open === 1);
  leaving.abort();
  await call.catch(() => {});
  await until(() => decode.server.open === 0);
  expect(decode.server.engine.running).toBe(0);
});

test("prefill waits while decode is full, and goes on when a slot is free", async () => {
  startPair({ maxNumSeqs: 1, timeScale: 1 });
  const leaving = new AbortController();
  const long = pdBody("a", { stream: true, max_tokens: 5000 });
  const first = [chat(prefill, long), chat(decode, long, { signal: leaving.signal })] as const;
  await until(() => decode.server.engine.running === 1);
  const short = pdBody("b");
  const second = [chat(prefill, short), chat(decode, short)] as const;
  await until(() => decode.server.open === 2 && prefill.server.metrics.completed === 1);
  expect(prefill.server.engine.slotsTaken + prefill.server.engine.queued).toBe(0);
  await first[1];
  leaving.abort();
  const [p, d] = await Promise.all(second);
  expect([p.status, d.status]).toEqual([200, 200]);
  await first[0];
});

test("decode that runs out of blocks ends with pd_reschedule", async () => {
  startPair({ blocks: 12, maxModelLen: 4000 });
  const calls = ["a", "b"].map((id) => {
    const body = pdBody(id, { max_tokens: 500 });
    void chat(prefill, body);
    return chat(decode, body);
  });
  const answers = await Promise.all(calls.map(async (call) => JSON.parse(await (await call).text())));
  const cut = answers.find((answer) => answer.choices[0].finish_reason === "pd_reschedule");
  const whole = answers.find((answer) => answer.choices[0].finish_reason === "length");
  expect(whole.usage.completion_tokens).toBe(500);
  const { content, completion_token_ids } = cut.choices[0].message;
  expect(completion_token_ids).toHaveLength(cut.usage.completion_tokens);
  // Started again with what there was, it goes on where it stopped.
  const again = pdBody("c", { completion_token_ids, max_tokens: 10 });
  void chat(prefill, again);
  const rest = JSON.parse(await (await chat(decode, again)).text());
  expect(whole.choices[0].message.content).toStartWith(content + rest.choices[0].message.content);
  expect(rest.usage.prompt_tokens).toBe(9 + completion_token_ids.length);
});

test("up to release 2.5 that is an error", async () => {
  startPair({ blocks: 12, maxModelLen: 4000, payloadVersion: "2.5" });
  const calls = ["a", "b"].map((id) => {
    const body = pdBody(id, { max_tokens: 500 });
    void chat(prefill, body);
    return chat(decode, body);
  });
  const answers = await Promise.all(
    calls.map(async (call) => ({ status: (await call).status, text: await (await call).text() })),
  );
  const failed = answers.filter(({ status }) => status === 500);
  expect(failed).toHaveLength(1);
  expect(failed[0]?.text).toContain("decode not enough blocks, need to be rescheduled.");
});
