/** What load balancers, clients and operators ask the router itself. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { Fleet } from "../support/fleet.ts";
import { wholeAnswerBytes } from "../support/scripted-instance.ts";

setDefaultTimeout(30_000);

test("/ready is 503 without a usable instance and 200 with one; /health is 200 in both cases", async () => {
  await using fleet = await Fleet.start();
  const bare = await fleet.ask({ path: "/ready" });
  expect(bare.status).toBe(503);
  expect(bare.header("x-router-reason")).toBe("no_instance");
  expect(JSON.parse(bare.text)).toMatchObject({ code: 503 });
  expect((await fleet.ask({ path: "/health" })).status).toBe(200);

  const { program } = await fleet.engineProcess();
  const ready = await fleet.ask({ path: "/ready" });
  expect({ status: ready.status, body: JSON.parse(ready.text) }).toEqual({
    status: 200,
    body: { code: 200, instances: 1 },
  });

  program.kill("SIGKILL");
  await fleet.chat({});
  await fleet.usable(0);
  expect((await fleet.ask({ path: "/ready" })).status).toBe(503);
});

test("/v1/models is the union over the instances, whatever some of them answer", async () => {
  await using fleet = await Fleet.start();
  expect(JSON.parse((await fleet.ask({ path: "/v1/models" })).text)).toEqual({ object: "list", data: [] });
  await fleet.engine({ servedModelName: "ernie" });
  await fleet.engine({ servedModelName: "qwen" });
  await fleet.engine({ servedModelName: "ernie" });
  await fleet.scripted(({ socket }) => void socket.write(wholeAnswerBytes("no JSON")));
  await fleet.scripted(({ socket }) => void socket.write(wholeAnswerBytes(`{"data":[{"id":7},null,{"id":"odd"}]}`)));
  await fleet.scripted(({ socket }) => void socket.end());
  const { status, text } = await fleet.ask({ path: "/v1/models" });
  expect(status).toBe(200);
  const list = JSON.parse(text) as { object: string; data: { id: string }[] };
  expect(list.object).toBe("list");
  expect(list.data.map(({ id }) => id)).toEqual(["ernie", "odd", "qwen"]);
  expect(list.data[0]).toMatchObject({ owned_by: "FastDeploy", max_model_len: expect.any(Number) });
});

test("an instance that registers over msgpack serves, and leaves on SIGTERM without costing a request", async () => {
  await using fleet = await Fleet.start();
  await fleet.engine();
  const leaving = await fleet.engineProcess(
    "--registration",
    `127.0.0.1:${fleet.registrationPort}`,
    "--time-scale",
    "1000",
  );
  const asks = async (): Promise<void> => {
    while (leaving.program.running) {
      const answer = await fleet.chat({ messages: [{ role: "user", content: "x" }], max_tokens: 3 });
      expect(answer.status).toBe(200);
    }
  };
  const clients = Promise.all(Array.from({ length: 4 }, asks));
  leaving.program.kill("SIGTERM");
  await clients;
  expect(await leaving.program.exited()).toBe(0);
  await fleet.usable(1);
});

test("/registered names the instances, /registered_number counts them", async () => {
  await using fleet = await Fleet.start();
  const { url } = await fleet.engine();
  const registered = JSON.parse((await fleet.ask({ path: "/registered" })).text) as { mixed: { url: string }[] };
  expect(registered.mixed.map((each) => each.url)).toEqual([url]);
  const numbers = await fleet.ask({ path: "/registered_number" });
  expect(JSON.parse(numbers.text)).toEqual({ decode: 0, mixed: 1, prefill: 0 });
});

test("an engine that turns unhealthy is taken out, and is back when it is well", async () => {
  await using fleet = await Fleet.start({ env: { FD_ROUTER_MANAGER_HEALTH_CHECK_INTERVAL_SECS: "0.1" } });
  const engine = await fleet.engine();
  engine.server.faults.set({ kind: "health", status: 500 });
  await fleet.usable(0);
  engine.server.faults.clear();
  await fleet.usable(1);
});
