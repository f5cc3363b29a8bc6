/** The official `openai` client works through the router as it does without it. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import OpenAI from "openai";
import { textBetween, outputKey } from "../../src/mock-engine/output.ts";
import { renderChat } from "../../src/mock-engine/generation-request.ts";
import { Fleet } from "../support/fleet.ts";

setDefaultTimeout(30_000);

let fleet: Fleet;
let client: OpenAI;

beforeAll(async () => {
  fleet = await Fleet.start();
  await fleet.engine();
  client = new OpenAI({ baseURL: `http://127.0.0.1:${fleet.port}/v1`, apiKey: "unused", maxRetries: 0 });
});
afterAll(() => fleet.stop());

const MESSAGES: { role: "user"; content: string }[] = [{ role: "user", content: "Tell me of the sea" }];
const TOKENS = 40;
/** Not OpenAI's, and passed on all the same. */
const ENGINE_FIELDS = { ignore_eos: true };
const EXPECTED = textBetween(outputKey(1, renderChat(MESSAGES, null) ?? "", 0), 0, TOKENS);

test("a chat completion is complete, with its usage", async () => {
  const completion = await client.chat.completions.create({
    model: "mock-model",
    messages: MESSAGES,
    max_tokens: TOKENS,
    ...ENGINE_FIELDS,
  });
  expect(completion.choices[0]?.message.content).toBe(EXPECTED);
  expect(completion.usage?.completion_tokens).toBe(TOKENS);
});

test("a chat completion streams token by token", async () => {
  const stream = await client.chat.completions.create({
    model: "mock-model",
    messages: MESSAGES,
    max_tokens: TOKENS,
    stream: true,
    stream_options: { include_usage: true },
    ...ENGINE_FIELDS,
  });
  const deltas: string[] = [];
  let completionTokens = 0;
  for await (const { choices, usage } of stream) {
    const content = choices[0]?.delta.content;
    if (typeof content === "string" && content !== "") deltas.push(content);
    completionTokens = usage?.completion_tokens ?? completionTokens;
  }
  expect(deltas.join("")).toBe(EXPECTED);
  expect(deltas).toHaveLength(TOKENS);
  expect(completionTokens).toBe(TOKENS);
});

test("a text completion streams", async () => {
  const stream = await client.completions.create({
    model: "mock-model",
    prompt: "Once",
    max_tokens: 8,
    stream: true,
    ...ENGINE_FIELDS,
  });
  let text = "";
  for await (const { choices } of stream) text += choices[0]?.text ?? "";
  expect(text).toBe(textBetween(outputKey(1, "Once", 0), 0, 8));
});

test("a stream that is abandoned ends on the engine", async () => {
  const stream = await client.chat.completions.create({
    model: "mock-model",
    messages: MESSAGES,
    max_tokens: 20_000,
    stream: true,
    ...ENGINE_FIELDS,
  });
  for await (const _ of stream) break;
  await fleet.idle();
});

test("models are listed", async () => {
  const models = await client.models.list();
  expect(models.data.map(({ id }) => id)).toEqual(["mock-model"]);
});

test("errors of the router are errors of the client, with their code", async () => {
  await using empty = await Fleet.start();
  const other = new OpenAI({ baseURL: `http://127.0.0.1:${empty.port}/v1`, apiKey: "unused", maxRetries: 0 });
  const creating = other.chat.completions.create({ model: "mock-model", messages: MESSAGES });
  const refusal: unknown = await creating.then(
    () => null,
    (error: unknown) => error,
  );
  expect(refusal).toMatchObject({ status: 503, code: "no_instance", type: "overloaded_error" });
});
