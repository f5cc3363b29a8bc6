/** Who gets the requests. X-Router-Instance tells. */
import { describe, expect, test } from "bun:test";
import { POLICY_NAMES } from "../../src/scheduler/policies/index.ts";
import { Fleet } from "../support/fleet.ts";
import { HttpConnection, postJson, type HttpAnswer } from "../support/http-client.ts";

const CHAT = "/v1/chat/completions";
const BODY = { messages: [{ role: "user", content: "x" }], max_tokens: 20, ignore_eos: true };

/** Requests by instance, sent by so many clients one after the other. */
async function shares(fleet: Fleet, clients: number, requestsEach: number): Promise<ReadonlyMap<string, number>> {
  const answers: HttpAnswer[] = [];
  const client = async (): Promise<void> => {
    using connection = await HttpConnection.connect(fleet.port);
    for (let i = 0; i < requestsEach; i++) answers.push(await connection.ask(postJson(CHAT, BODY)));
  };
  await Promise.all(Array.from({ length: clients }, client));
  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
  const byInstance = Map.groupBy(answers, (answer) => answer.header("x-router-instance"));
  return new Map([...byInstance].map(([instance, list]) => [instance, list.length]));
}

test("equal engines get equal shares under load", async () => {
  await using fleet = await Fleet.start();
  for (let i = 0; i < 4; i++) await fleet.engine({ timeScale: 20 });
  const counts = [...(await shares(fleet, 32, 12)).values()];
  expect(counts).toHaveLength(4);
  // 96 each on average.
  for (const count of counts) expect(Math.abs(count - 96)).toBeLessThan(40);
});

test("one client on one connection reaches all engines", async () => {
  await using fleet = await Fleet.start({ env: { FD_ROUTER_SCHEDULER_POLICY: "round_robin" } });
  for (let i = 0; i < 4; i++) await fleet.engine();
  expect([...(await shares(fleet, 1, 40)).values()]).toEqual([10, 10, 10, 10]);
});

test("an engine that is ten times slower gets clearly less", async () => {
  await using fleet = await Fleet.start();
  const slow = await fleet.engine({ timeScale: 2 });
  for (let i = 0; i < 3; i++) await fleet.engine({ timeScale: 20 });
  const byInstance = await shares(fleet, 24, 12);
  expect(byInstance.get(slow.url) ?? 0).toBeLessThan(40); // of 288
});

test("an instance of weight 3 gets more than one of weight 1", async () => {
  await using fleet = await Fleet.start();
  const port = `127.0.0.1:${fleet.registrationPort}`;
  const flags = ["--registration", port, "--time-scale", "10", "--router", ""];
  const light = await fleet.engineProcess(...flags, "--weight", "1");
  const heavy = await fleet.engineProcess(...flags, "--weight", "3");
  const byInstance = await shares(fleet, 24, 12);
  expect(byInstance.get(heavy.id) ?? 0).toBeGreaterThan(1.5 * (byInstance.get(light.id) ?? 0));
});

test("an engine that joins gets its share, one that fails is avoided", async () => {
  await using fleet = await Fleet.start();
  const failing = await fleet.engine();
  await fleet.engine();
  failing.server.faults.set({ kind: "fail", status: 503 });
  const counts = { failed: 0, answered: 0 };
  for (let i = 0; i < 100; i++) {
    const { status } = await fleet.chat(BODY);
    counts[status === 200 ? "answered" : "failed"]++;
  }
  expect(counts.failed).toBeLessThan(20);
});

describe("every policy serves under its name", () => {
  test.each(POLICY_NAMES)("%s", async (policy) => {
    await using fleet = await Fleet.start({ env: { FD_ROUTER_SCHEDULER_POLICY: policy } });
    const engines = await Promise.all([fleet.engine({ timeScale: 20 }), fleet.engine({ timeScale: 20 })]);
    const byInstance = await shares(fleet, 8, 6);
    expect(new Set(byInstance.keys())).toEqual(new Set(engines.map(({ url }) => url)));
    await fleet.idle();
  });
});
