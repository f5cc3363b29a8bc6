/** An instance that dies costs at most the answers it had begun; whatever can be answered by another one is. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { openChatStreams } from "../support/chat-streams.ts";
import { chatJson, expectedAnswer, timeless, type ChatRequest } from "../support/expected-answer.ts";
import { Fleet } from "../support/fleet.ts";
import { chunk, STREAM_HEAD, wholeAnswerBytes, type ScriptedInstance } from "../support/scripted-instance.ts";

setDefaultTimeout(30_000);

test("an instance that dies before its first byte: another one answers", async () => {
  await using fleet = await Fleet.start();
  let first: string | null = null;
  const instances: ScriptedInstance[] = [];
  const dieOrAnswer = (own: number): void => {
    const instance = instances[own];
    if (first !== null || instance === undefined) return;
    first = `http://127.0.0.1:${instance.port}`;
    instance.die();
  };
  for (const own of [0, 1]) {
    const instance = await fleet.scripted(({ socket }) => {
      dieOrAnswer(own);
      socket.write(wholeAnswerBytes(`{"answered":true}`));
    });
    instances.push(instance);
  }
  const answer = await fleet.chat({});
  expect(answer).toMatchObject({ status: 200, text: `{"answered":true}` });
  expect(answer.header("x-router-instance")).not.toBe(first ?? "");
  expect((await fleet.metrics()).sum("fd_router_retries_total")).toBe(1);
  await fleet.usable(1);
});

test("no client notices that a port is closed", async () => {
  await using fleet = await Fleet.start();
  const engine = await fleet.engine();
  const dead = await fleet.scripted(() => undefined);
  dead.die();
  const requests = Array.from({ length: 20 }, (_, i): ChatRequest => {
    return { id: `chatcmpl-${i}`, content: `${i}`, tokens: 3, stream: i % 2 === 0 };
  });
  const answers = await Promise.all(requests.map((request) => fleet.chat(chatJson(request))));
  for (const [i, request] of requests.entries()) expect(timeless(answers[i]?.text ?? "")).toBe(expectedAnswer(request));
  expect(new Set(answers.map((answer) => answer.header("x-router-instance")))).toEqual(new Set([engine.url]));
  await fleet.usable(1);
});

test("an answer that breaks in the middle ends with an error event and no [DONE]; those of others go on", async () => {
  await using fleet = await Fleet.start();
  const victim = await fleet.engineProcess("--time-scale", "4");
  await fleet.engine({ timeScale: 4 });
  const streams = await openChatStreams(fleet.port, 24);
  victim.program.kill("SIGKILL");
  const ended = await streams.ended;
  const [cut, whole] = [ended.filter(({ complete }) => !complete), ended.filter(({ complete }) => complete)];
  expect(cut.length).toBeGreaterThan(0);
  expect(whole.length).toBeGreaterThan(0);
  for (const answer of cut) {
    expect(answer.header("x-router-instance")).toBe(victim.id);
    expect(answer.text).not.toContain("[DONE]");
    const lastEvent = answer.text.trimEnd().split("\n\n").at(-1) ?? "";
    expect(JSON.parse(lastEvent.replace(/^data: /, ""))).toMatchObject({ error: { code: "upstream_failed" } });
  }
  for (const [i, answer] of ended.entries()) {
    const request = streams.requests[i];
    if (answer.complete && request !== undefined) expect(timeless(answer.text)).toBe(expectedAnswer(request));
  }
  await fleet.usable(1);
  await fleet.idle();
});

test("what an instance began and did not finish is an error in OpenAI's form when the client has nothing of it yet", async () => {
  await using fleet = await Fleet.start();
  await fleet.scripted(({ socket }) => {
    socket.write("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nbegun");
    socket.end();
  });
  const answer = await fleet.chat({});
  expect(answer.status).toBe(502);
  expect(JSON.parse(answer.text)).toMatchObject({ error: { code: "upstream_invalid", type: "server_error" } });
});

test("an instance that lives and refuses a request gets it once, and no other one gets it", async () => {
  await using fleet = await Fleet.start();
  const instances = [
    await fleet.scripted(({ socket }) => void socket.end()),
    await fleet.scripted(({ socket }) => void socket.end()),
  ];
  const answer = await fleet.chat({});
  expect(answer.status).toBe(502);
  expect(answer.header("x-router-reason")).toBe("upstream_failed");
  expect(instances.reduce((sum, { requests }) => sum + requests, 0)).toBe(1);
});

test("a stream that breaks between two bytes of an event closes it before the error", async () => {
  await using fleet = await Fleet.start();
  await fleet.scripted(async ({ socket }) => {
    socket.write(STREAM_HEAD);
    socket.write(chunk(`data: {"half`));
    await Bun.sleep(20);
    socket.terminate();
  });
  const answer = await fleet.chat({ stream: true });
  expect(answer.complete).toBe(false);
  expect(answer.text).toStartWith(`data: {"half\n\ndata: {"error":`);
  expect(answer.text).toEndWith("}\n\n");
});

test("when all are gone the answer is 502 at first, then 503 with a time to wait", async () => {
  await using fleet = await Fleet.start();
  const only = await fleet.scripted(() => undefined);
  only.die();
  expect((await fleet.chat({})).status).toBe(502);
  await fleet.usable(0);
  const answer = await fleet.chat({});
  expect(answer.status).toBe(503);
  expect(Number(answer.header("retry-after"))).toBeGreaterThan(0);
  expect(JSON.parse(answer.text)).toMatchObject({ error: { code: "no_instance" } });
});
