import { afterEach, describe, expect, test } from "bun:test";
import { connect } from "node:net";
import type { MockEngine } from "../../src/mock-engine/mock-engine.ts";
import { outputKey, textBetween } from "../../src/mock-engine/output.ts";
import { renderChat } from "../../src/mock-engine/generation-request.ts";
import { chatBody, post, startFast, until } from "./support.ts";

let engine: MockEngine;
afterEach(() => engine.stop(0.01));

const chat = (overrides: object = {}) => post(`${engine.url}/v1/chat/completions`, chatBody(overrides));
const completion = (fields: object) => post(`${engine.url}/v1/completions`, JSON.stringify(fields));

interface Frame {
  readonly choices: readonly { readonly delta: { readonly content: string } }[];
}

function frames(text: string): Frame[] {
  const bodies = text.split("\n\n").filter((frame) => frame !== "");
  expect(bodies.pop()).toBe("data: [DONE]");
  return bodies.map((body) => JSON.parse(body.slice("data: ".length)));
}

describe("inference", () => {
  test("the text of an answer can be computed from seed and prompt, streamed or not", async () => {
    engine = startFast({ seed: 42 });
    const prompt = renderChat([{ role: "user", content: "Tell me of the sea" }], null) ?? "";
    const expected = textBetween(outputKey(42, prompt, 0), 0, 5);
    const whole = await chat();
    expect(JSON.parse(whole.text)).toMatchObject({
      choices: [{ message: { content: expected }, finish_reason: "length" }],
      usage: { prompt_tokens: 9, completion_tokens: 5, total_tokens: 14 },
    });
    const stream = await chat({ stream: true });
    const texts = frames(stream.text).map((frame) => frame.choices[0]?.delta.content);
    expect(texts).toHaveLength(6);
    expect(texts.join("")).toBe(expected);
  });

  test("a usage chunk comes only when asked for, and tokens can share a chunk", async () => {
    engine = startFast();
    expect(frames((await chat({ stream: true })).text)).toHaveLength(6);
    const grouped = await chat({
      stream: true,
      max_streaming_response_tokens: 2,
      stream_options: { include_usage: true },
    });
    const chunks = frames(grouped.text);
    expect(chunks).toHaveLength(1 + 3 + 1);
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { completion_tokens: 5 } });
  });

  test("the role comes with the first token, however many tokens share a chunk", async () => {
    engine = startFast({ timeScale: 1 });
    const body = chatBody({ stream: true, max_tokens: 500, min_tokens: 500, max_streaming_response_tokens: 500 });
    const answer = await fetch(`${engine.url}/v1/chat/completions`, { method: "POST", body });
    const reader = answer.body?.getReader();
    const first = new TextDecoder().decode((await reader?.read())?.value);
    expect(first).toContain('"role":"assistant"');
    expect(first.match(/data: /g)).toHaveLength(1);
    await reader?.cancel();
  });

  test("n and lists of prompts make choices, each with its own text", async () => {
    engine = startFast();
    const answer = JSON.parse((await completion({ prompt: ["one", "two"], n: 2, max_tokens: 6, min_tokens: 6 })).text);
    const texts: string[] = answer.choices.map((choice: { text: string }) => choice.text);
    expect(new Set(texts).size).toBe(4);
    expect(answer.usage).toMatchObject({ prompt_tokens: 2, completion_tokens: 24 });
  });

  test("an id is made from request_id, else from user", async () => {
    engine = startFast();
    expect(JSON.parse((await chat({ request_id: "abc" })).text).id).toBe("chatcmpl-abc");
    expect(JSON.parse((await chat({ request_id: "chatcmpl-abc" })).text).id).toBe("chatcmpl-abc");
    expect(JSON.parse((await chat({ user: "ann" })).text).id).toStartWith("chatcmpl-ann-");
    expect(JSON.parse((await completion({ prompt: "x", max_tokens: 1 })).text).id).toStartWith("cmpl-");
  });

  test("a conversation that goes on hits the cache with all that was said before", async () => {
    engine = startFast();
    const question = { role: "user", content: "q".repeat(4000) };
    const first = JSON.parse((await chat({ messages: [question], max_tokens: 200 })).text);
    const answer = { role: "assistant", content: first.choices[0].message.content };
    const next = { role: "user", content: "and then?" };
    const second = JSON.parse((await chat({ messages: [question, answer, next] })).text);
    expect(first.usage.prompt_tokens_details.cached_tokens).toBe(0);
    // 4000 + 800 characters and two role lines: 18 full blocks of 256 characters.
    expect(second.usage.prompt_tokens_details.cached_tokens).toBe(18 * 64);
  });

  test("the head of a stream comes at once, long before the first token", async () => {
    engine = startFast({ timeScale: 0.001 });
    const response = await fetch(`${engine.url}/v1/chat/completions`, {
      method: "POST",
      body: chatBody({ stream: true }),
    });
    expect(response.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
    expect(response.headers.get("server")).toBe("uvicorn");
    await response.body?.cancel();
  });

  test("a slow reader gets every byte in the end, and holds up nobody", async () => {
    engine = startFast({ timeScale: 5000, maxModelLen: 20_000 });
    const body = chatBody({ stream: true, max_tokens: 15_000 });
    const socket = connect(engine.port, "127.0.0.1", () => {
      socket.pause();
      socket.write(`POST /v1/chat/completions HTTP/1.1\r\nHost: m\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
    });
    await until(() => engine.server.metrics.completed === 1);
    expect((await chat()).status).toBe(200);
    let text = "";
    socket.on("data", (bytes) => (text += bytes.toString("latin1")));
    socket.resume();
    await until(() => text.endsWith("data: [DONE]\n\n\r\n0\r\n\r\n"));
    expect(text.match(/"arrival_time"/g)).toHaveLength(15_000);
    socket.destroy();
  });

  test("a client that leaves frees slot and blocks, queued or running", async () => {
    engine = startFast({ timeScale: 1, maxNumSeqs: 1 });
    const { server } = engine;
    const leaving = [0, 1, 2].map(() => new AbortController());
    const calls = leaving.map(({ signal }) =>
      fetch(`${engine.url}/v1/chat/completions`, {
        method: "POST",
        signal,
        body: chatBody({ stream: true, max_tokens: 5000 }),
      }),
    );
    await until(() => server.engine.running === 1 && server.engine.queued === 2);
    for (const controller of leaving) controller.abort();
    await Promise.allSettled(calls);
    await until(() => server.engine.running + server.engine.queued === 0);
    expect(server.engine.pool.available).toBe(server.engine.pool.total);
    expect(server.state()).toMatchObject({ open: 0, open_streams: 0, aborted: 3, disconnected: 3 });
  });

  test("an aborted request ends normally with what it has", async () => {
    engine = startFast({ timeScale: 1 });
    const call = chat({ request_id: "x", max_tokens: 5000 });
    await until(() => engine.server.metrics.generatedTokensTotal > 0);
    const reply = await post(`${engine.url}/v1/abort_requests`, JSON.stringify({ req_ids: ["chatcmpl-x_0", "y"] }));
    expect(JSON.parse(reply.text)).toMatchObject({
      status: "success",
      result: { aborted: [{ request_id: "chatcmpl-x_0" }], not_found: ["y"] },
    });
    expect(JSON.parse((await call).text).choices[0].finish_reason).toBe("abort");
  });

  test("a paused engine stays healthy, refuses new requests and ends running ones", async () => {
    engine = startFast({ timeScale: 1 });
    const running = chat({ max_tokens: 5000 });
    await until(() => engine.server.engine.running === 1);
    await post(`${engine.url}/v1/pause`, "");
    expect(await running).toMatchObject({ status: 500 });
    expect((await chat()).text).toContain("Request is aborted since LLM Engine is paused.");
    expect((await fetch(`${engine.url}/health`)).status).toBe(200);
    expect(await (await fetch(`${engine.url}/v1/is_paused`)).json()).toMatchObject({ result: { is_paused: true } });
    await post(`${engine.url}/v1/resume`, "");
    engine.server.driver.engine.slowFactor = 0.001;
    expect((await chat()).status).toBe(200);
  });
});

describe("refusals", () => {
  test("schema violations are 400, all else that the handler refuses is 500", async () => {
    engine = startFast({ servedModelName: "ernie", maxModelLen: 100 });
    const cases: [object, number, string][] = [
      [{ messages: undefined }, 400, "missing_required_parameter"],
      [{ stream_options: { include_usage: true } }, 400, "Stream options can only be defined when `stream=True`."],
      [{ temperature: -1 }, 400, "invalid_value"],
      [{ model: "gpt" }, 500, "Unsupported model: [gpt], support [ernie] or default"],
      [{ max_tokens: 100 }, 500, "max_tokens can be defined [1, 100), but now it's 100."],
      [
        { messages: [{ role: "user", content: "x".repeat(400) }] },
        500,
        "Input text is too long, input_ids_len (104) + min_tokens(1) >= max_model_len(100)",
      ],
    ];
    for (const [fields, status, text] of cases) {
      const reply = await chat(fields);
      expect(reply.text).toContain(text);
      expect(reply.status).toBe(status);
    }
    expect((await chat({ model: "default" })).status).toBe(200);
    expect((await post(`${engine.url}/v1/chat/completions`, "{")).status).toBe(400);
  });

  test("one too many at once is 429 with the real detail", async () => {
    engine = startFast({ timeScale: 1, maxConcurrency: 1 });
    const first = chat({ max_tokens: 50 });
    await until(() => engine.server.open === 1);
    const second = await chat();
    expect(second).toEqual({ status: 429, text: `{"detail":"Too many requests,current max concurrency is 1"}` });
    expect((await first).status).toBe(200);
  });

  test("keys guard paths under /v1 only", async () => {
    engine = startFast({ apiKeys: ["k"] });
    expect(await chat()).toEqual({ status: 401, text: `{"error":"Unauthorized"}` });
    expect((await fetch(`${engine.url}/v1/models`, { headers: { authorization: "Bearer k" } })).status).toBe(200);
    expect((await fetch(`${engine.url}/health`)).status).toBe(200);
  });

  test("an unknown path is 404, a wrong method 405", async () => {
    engine = startFast();
    expect((await fetch(`${engine.url}/nothing`)).status).toBe(404);
    expect((await fetch(`${engine.url}/v1/chat/completions`)).status).toBe(405);
  });
});

describe("metrics", () => {
  const NAMES =
    "num_requests_running num_requests_waiting gpu_cache_usage_perc available_gpu_block_num free_gpu_block_num max_gpu_block_num available_gpu_resource batch_size max_batch_size available_batch_size hit_token_rate hit_req_rate prompt_tokens_total generation_tokens_total requests_number_total request_success_total prefix_cache_token_num_total first_token_latency time_to_first_token_seconds_count time_per_output_token_seconds_sum".split(
      " ",
    );

  test("names are the real ones, without labels, floats with a decimal", async () => {
    engine = startFast();
    await chat();
    const text = await (await fetch(`${engine.url}/metrics`)).text();
    for (const name of NAMES) expect(text).toMatch(new RegExp(`^fastdeploy:${name} [0-9.e-]+$`, "m"));
    expect(text).toContain("\nfastdeploy:num_requests_running 0.0\n");
    expect(text).toContain("\nfastdeploy:request_success_total 1.0\n");
    expect(text).toContain("\nfastdeploy:generation_tokens_total 5.0\n");
    expect(text).toContain(`\nfastdeploy:time_to_first_token_seconds_bucket{le="+Inf"} 1.0\n`);
  });

  test("a metrics port of its own takes them off the API port", async () => {
    engine = startFast({ metricsPort: 0 });
    expect((await fetch(`${engine.url}/metrics`)).status).toBe(404);
    expect((await fetch(`http://127.0.0.1:${engine.metricsPort}/metrics`)).status).toBe(200);
  });
});

test("a stopping engine closes its port, and finishes what it has begun", async () => {
  engine = startFast({ timeScale: 1 });
  const running = chat({ max_tokens: 20 });
  await until(() => engine.server.engine.running === 1);
  const stopped = engine.stop(0);
  expect(await fetch(`${engine.url}/health`).catch((error: { code?: string }) => error.code)).toBe("ECONNREFUSED");
  expect((await running).status).toBe(200);
  await stopped;
});

test("a port that is taken is refused in the real server's words", () => {
  engine = startFast();
  expect(() => startFast({ port: engine.port })).toThrow(`The parameter \`port\`:${engine.port} is already in use.`);
});
