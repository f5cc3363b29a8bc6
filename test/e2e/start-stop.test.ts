/** How the program begins and ends. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { chatJson, expectedAnswer, timeless, type ChatRequest } from "../support/expected-answer.ts";
import { compiledBinary } from "../support/compiled-binary.ts";
import { Fleet } from "../support/fleet.ts";
import { HttpConnection, postJson } from "../support/http-client.ts";
import { Program } from "../support/program.ts";

setDefaultTimeout(30_000);

const CHAT = "/v1/chat/completions";

/** Streams that have begun, and their answers. */
async function beginStreams(fleet: Fleet, count: number, tokens: number) {
  const requests = Array.from({ length: count }, (_, i): ChatRequest => {
    return { id: `chatcmpl-${i}`, content: `${i}`, tokens, stream: i % 2 === 0 };
  });
  const begun: Promise<void>[] = [];
  const answers = requests.map(async (request) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    if (request.stream) begun.push(promise);
    using connection = await HttpConnection.connect(fleet.port);
    return { request, answer: await connection.ask(postJson(CHAT, chatJson(request)), () => resolve()) };
  });
  await Promise.all(begun);
  return answers;
}

async function isRefused(port: number): Promise<boolean> {
  return HttpConnection.connect(port).then(
    (connection) => {
      connection.leave();
      return false;
    },
    () => true,
  );
}

test("SIGTERM lets every answer end to the last byte, takes no new connection, and ends with 0", async () => {
  await using fleet = await Fleet.start();
  await fleet.engine({ timeScale: 5 });
  const answers = await beginStreams(fleet, 20, 200);
  fleet.router.kill("SIGTERM");
  await fleet.router.says(/Stopping: running answers have/);
  let refused = false;
  while (!refused && fleet.router.running) refused = await isRefused(fleet.port);
  expect(fleet.router.running).toBe(true);
  for (const { request, answer } of await Promise.all(answers)) {
    expect(answer.complete).toBe(true);
    expect(timeless(answer.text)).toBe(expectedAnswer(request));
  }
  expect(await fleet.router.exited()).toBe(0);
  expect(fleet.router.output).toContain("every answer was completed");
});

test("a kept connection that is idle does not hold the router up", async () => {
  await using fleet = await Fleet.start();
  await fleet.engine();
  using connection = await HttpConnection.connect(fleet.port);
  await connection.ask({ path: "/health" });
  const stoppedAt = performance.now();
  fleet.router.kill("SIGTERM");
  expect(await fleet.router.exited()).toBe(0);
  expect(performance.now() - stoppedAt).toBeLessThan(2000);
});

test.each(["SIGTERM", "SIGINT"] as const)("a second signal (%s) ends at once", async (second) => {
  await using fleet = await Fleet.start();
  await fleet.engine({ timeScale: 1 });
  const answers = await beginStreams(fleet, 4, 5000);
  fleet.router.kill("SIGTERM");
  await fleet.router.says(/Stopping/);
  const stoppedAt = performance.now();
  fleet.router.kill(second);
  expect(await fleet.router.exited()).toBe(1);
  expect(performance.now() - stoppedAt).toBeLessThan(1000);
  for (const { answer } of await Promise.all(answers)) expect(answer.complete).toBe(false);
});

test("answers that outlive their time are cut with an error that says why", async () => {
  const flags = ["--drain-timeout-secs", "0.2", "--stream-drain-timeout-secs", "0.4"];
  await using fleet = await Fleet.start({ flags });
  await fleet.engine({ timeScale: 1 });
  const answers = await beginStreams(fleet, 4, 5000);
  fleet.router.kill("SIGTERM");
  for (const { request, answer } of await Promise.all(answers)) {
    if (request.stream) {
      expect(answer.complete).toBe(false);
      expect(answer.text).toContain(`"code":"draining"`);
    } else {
      expect(answer.status).toBe(503);
      expect(answer.header("x-router-reason")).toBe("draining");
    }
  }
  expect(await fleet.router.exited()).toBe(0);
  expect(fleet.router.output).toContain("some answers were cut");
});

test("a port in use ends the program with 1 and the Go program's message", async () => {
  await using fleet = await Fleet.start();
  await using second = Program.start([await compiledBinary(), "--port", String(fleet.port), "--workers", "2"]);
  expect(await second.exited()).toBe(1);
  expect(second.output).toMatch(
    new RegExp(String.raw`Failed to start server: listen tcp :${fleet.port}: bind: address already in use$`, "m"),
  );
  expect((await fleet.ask({ path: "/health" })).status).toBe(200);
});

test("the compiled binary says when it listens, and serves a request", async () => {
  await using fleet = await Fleet.start();
  expect(fleet.router.output).toMatch(/Starting server on :0$/m);
  const { url } = await fleet.engine();
  const request: ChatRequest = { id: "chatcmpl-smoke", content: "smoke", tokens: 10, stream: true };
  const answer = await fleet.chat(chatJson(request));
  expect(timeless(answer.text)).toBe(expectedAnswer(request));
  expect(answer.header("x-router-instance")).toBe(url);
});
