/** A worker thread that crashes costs its own requests only, and is back within a second. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { openChatStreams } from "../support/chat-streams.ts";
import { chatJson, expectedAnswer, timeless } from "../support/expected-answer.ts";
import { Fleet } from "../support/fleet.ts";
import { until } from "../support/until.ts";

setDefaultTimeout(30_000);

const CHAT = "/v1/chat/completions";
const STREAMS = 40;

async function isBack(fleet: Fleet, restarts: number): Promise<boolean> {
  // The dying thread may have taken the question with it.
  const metrics = await fleet.metrics().catch(() => null);
  return metrics?.sum("fd_router_worker_restarts_total") === restarts && metrics.sum("fd_router_workers") === 2;
}

test("the streams of the other thread go on to their last byte, and the crashed one is back within a second", async () => {
  await using fleet = await Fleet.start();
  const engine = await fleet.engine({ timeScale: 4 });
  const streams = await openChatStreams(fleet.port, STREAMS);
  const crashedAt = performance.now();
  fleet.router.kill("SIGUSR2");
  await until(
    () => isBack(fleet, 1),
    "the thread is back",
    5000,
    () => fleet.log,
  );
  expect(performance.now() - crashedAt).toBeLessThan(1000);
  const ended = await streams.ended;
  const whole = ended.filter(({ complete }) => complete).length;
  expect(whole).toBeGreaterThan(0);
  expect(whole).toBeLessThan(STREAMS);
  for (const [i, answer] of ended.entries()) {
    const request = streams.requests[i];
    if (answer.complete && request !== undefined) expect(timeless(answer.text)).toBe(expectedAnswer(request));
    // What a lost stream had shown until then was right.
    else if (request !== undefined) expect(expectedAnswer(request)).toStartWith(timeless(answer.text));
  }
  await fleet.idle();
  await until(() => engine.server.open === 0, "no request left on the engine");
});

test("new requests are answered while a thread is down, and figures are neither lost nor counted twice", async () => {
  await using fleet = await Fleet.start();
  await fleet.engine();
  const body = chatJson({ id: "chatcmpl-x", content: "x", tokens: 2, stream: false });
  const requests = 20;
  for (let i = 0; i < requests; i++) expect((await fleet.chat(body)).status).toBe(200);
  const count = async (): Promise<number> => (await fleet.metrics()).sum("http_requests_total", `endpoint="${CHAT}"`);
  expect(await count()).toBe(requests);
  fleet.router.kill("SIGUSR2");
  await fleet.router.says(/Worker thread .* ended/);
  expect(await count()).toBe(requests);
  let answered = 0;
  do {
    expect((await fleet.chat(body)).status).toBe(200);
    answered++;
  } while (!(await isBack(fleet, 1)));
  expect(await count()).toBe(requests + answered);
});

test("a thread that crashes again and again is started again every time", async () => {
  await using fleet = await Fleet.start();
  await fleet.engine();
  for (let crash = 1; crash <= 3; crash++) {
    fleet.router.kill("SIGUSR2");
    await until(
      () => isBack(fleet, crash),
      `return number ${crash}`,
      5000,
      () => fleet.log,
    );
    const answer = await fleet.chat(chatJson({ id: "chatcmpl-x", content: "x", tokens: 2, stream: false }));
    expect(answer.status).toBe(200);
  }
  await fleet.usable(1);
});
