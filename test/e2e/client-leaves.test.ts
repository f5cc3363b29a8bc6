/** A client that is gone costs the fleet nothing more: its instance is told at once, and nothing is counted for ever. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { chatJson, expectedAnswer, timeless, type ChatRequest } from "../support/expected-answer.ts";
import { Fleet } from "../support/fleet.ts";
import { HttpConnection, postJson } from "../support/http-client.ts";
import { STREAM_HEAD, type Script, type ScriptedRequest } from "../support/scripted-instance.ts";
import { until } from "../support/until.ts";

setDefaultTimeout(30_000);

const CHAT = "/v1/chat/completions";
const TRIALS = 5;

let fleet: Fleet;
let script: Script = () => undefined;

beforeAll(async () => {
  fleet = await Fleet.start();
  await fleet.scripted((request) => script(request));
});
afterAll(() => fleet.stop());

/** Times, ascending, from the leave of a client to the close of the connection to its instance. */
async function leaveTimes(body: object, begin: (request: ScriptedRequest) => void): Promise<number[]> {
  const times: number[] = [];
  for (let i = 0; i < TRIALS; i++) {
    const arrived = Promise.withResolvers<ScriptedRequest>();
    script = (request) => {
      begin(request);
      arrived.resolve(request);
    };
    using connection = await HttpConnection.connect(fleet.port);
    const begun = Promise.withResolvers<void>();
    const answer = connection.ask(postJson(CHAT, body), () => begun.resolve());
    const { closed } = await arrived.promise;
    if ("stream" in body) await begun.promise;
    const leftAt = performance.now();
    connection.leave();
    times.push((await closed) - leftAt);
    expect((await answer).complete).toBe(false);
  }
  return times.toSorted((a, b) => a - b);
}

const MOMENTS: readonly [when: string, body: object, sent: string][] = [
  ["in the middle of a stream", { stream: true }, `${STREAM_HEAD}9\r\ndata: 1\n\n\r\n`],
  ["before the first byte", {}, ""],
  ["after the head", {}, "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nbegun"],
];

// The median, since the machine that tests run on may be busy with others.
test.each(MOMENTS)("an instance is left within 100 ms of its client: %s", async (_, body, sent) => {
  const times = await leaveTimes(body, ({ socket }) => void socket.write(sent));
  expect(times[Math.floor(TRIALS / 2)]).toBeLessThan(100);
  await fleet.idle();
});

test("a client that half-closes its connection is taken as gone, and counted as nothing", async () => {
  const arrived = Promise.withResolvers<ScriptedRequest>();
  script = (request) => arrived.resolve(request);
  const socket = await Bun.connect({ hostname: "127.0.0.1", port: fleet.port, socket: { data: () => undefined } });
  socket.write(`POST ${CHAT} HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}`);
  const { closed } = await arrived.promise;
  socket.end();
  await closed;
  await fleet.idle();
});

test("a client that leaves in the middle of its body sends nothing to any instance", async () => {
  let requests = 0;
  script = () => void requests++;
  using connection = await HttpConnection.connect(fleet.port);
  void connection.send(`POST ${CHAT} HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\n{"stream":`);
  await Bun.sleep(0);
  connection.leave();
  await fleet.idle();
  expect(requests).toBe(0);
});

test("of 100 streams, those whose clients stay get every byte when every second one leaves", async () => {
  await using other = await Fleet.start();
  const engine = await other.engine({ timeScale: 20 });
  const clients = Array.from({ length: 100 }, async (_, i) => {
    const leaves = i % 2 === 0;
    // Those who leave have asked for more than the engine can say in the time of this test.
    const tokens = leaves ? 30_000 : 60;
    const request: ChatRequest = { id: `chatcmpl-${i}`, content: `client ${i}`, tokens, stream: true };
    let parts = 0;
    using connection = await HttpConnection.connect(other.port);
    const answer = await connection.ask(postJson(CHAT, chatJson(request)), () => {
      if (leaves && ++parts > i % 30) connection.leave();
    });
    expect(answer.complete).toBe(!leaves);
    if (!leaves) expect(timeless(answer.text)).toBe(expectedAnswer(request));
  });
  await Promise.all(clients);
  await other.idle();
  await until(() => engine.server.open === 0, "no request left on the engine");
  expect(engine.server.disconnected).toBe(50);
  const metrics = await other.metrics();
  expect(metrics.sum("fd_router_request_errors_total", `reason="client_gone"`)).toBe(50);
});
