import { afterAll, describe, expect, test } from "bun:test";
import { RouterProcess } from "./support/router-process.ts";
import { startEngine, StreamLoad } from "./support/stream-load.ts";

const engine = startEngine(300);
afterAll(() => engine.stop());

/** Resolves once the condition holds. */
async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`never came true: ${String(condition)}`);
    await Bun.sleep(10);
  }
}

describe("a router that systemd starts", () => {
  test("is ready when every worker listens, reloads, drains: told in this order", async () => {
    await using router = await RouterProcess.start();
    const { notify } = router;
    expect(notify.messages[0]?.variables).toEqual({
      READY: "1",
      STATUS: "0 instances, 0 requests/s, 0 in flight, 2 workers",
    });
    await notify.next("WATCHDOG");
    await router.reload();
    const reloading = await notify.next("RELOADING");
    expect(reloading.variables["MONOTONIC_USEC"]).toMatch(/^\d+$/);
    router.signal("SIGTERM");
    expect(await router.exited).toBe(0);
    notify.read();
    expect(notify.turns).toEqual(["READY", "RELOADING", "READY", "STOPPING"]);
    expect(notify.messages.find(({ variables }) => "STOPPING" in variables)?.variables).toMatchObject({
      EXTEND_TIMEOUT_USEC: "15000000",
      STATUS: expect.stringContaining("Draining: "),
    });
  }, 20_000);

  test("lets the watchdog starve while a worker hangs in an endless loop, and feeds it again once that one is replaced", async () => {
    await using router = await RouterProcess.start({ env: { FD_ROUTER_TEST_STUCK_WORKER: "1:800" } });
    await router.said("has not answered for");
    router.notify.read();
    const fed = router.notify.messages.filter(({ variables }) => "WATCHDOG" in variables).map(({ at }) => at);
    const healedFrom = router.notify.messages.length;
    const starvedMs = performance.now() - (fed.at(-1) ?? Number.NaN);
    // Its time is 1 s here: systemd would have killed the service long before.
    expect(fed.length).toBeGreaterThan(0);
    expect(starvedMs).toBeGreaterThan(2000);
    await router.notify.next("WATCHDOG", healedFrom);
    expect(router.output).toContain("starting it again");
  }, 20_000);

  test("fails no stream in 20 reloads under 200 streams a second", async () => {
    await using router = await RouterProcess.start({ config: "log:\n  access: false\n" });
    await router.register(engine.port);
    const load = new StreamLoad(router.port);
    load.start(200);
    for (let i = 0; i < 20; i++) {
      await router.writeConfig(
        `scheduler:\n  policy: ${i % 2 === 0 ? "round_robin" : "random"}\nserver:\n  retries: ${i % 4}\nlog:\n  access: false\n`,
      );
      await router.reload();
      await Bun.sleep(100);
    }
    await load.stop();
    expect(load.fates).toEqual({ complete: load.streams.length });
    expect(load.streams.length).toBeGreaterThan(300);
    expect(router.output.match(/Reloaded: .*scheduler\.policy is/g)).toHaveLength(20);
  }, 30_000);

  test("cuts no stream at a stop under load: what began before the end of the notice is completed", async () => {
    await using router = await RouterProcess.start({ config: "log:\n  access: false\n" });
    await router.register(engine.port);
    const load = new StreamLoad(router.port);
    load.start(200);
    await Bun.sleep(700);
    router.signal("SIGTERM");
    const noticeEndsAt = (await router.notify.next("STOPPING")).at + 500;
    expect(await router.exited).toBe(0);
    await load.stop();
    // Half of the notice is left to a machine that is busy with other things.
    const early = load.streams.filter(({ startedAt }) => startedAt < noticeEndsAt - 250);
    expect(early.filter(({ fate }) => fate !== "complete")).toEqual([]);
    expect(early.length).toBeGreaterThan(100);
    expect(load.fates).not.toHaveProperty("cut");
    expect(load.fates).not.toHaveProperty("error event");
    expect(router.output).toContain("every answer was completed");
  }, 30_000);

  test("serves at once after a restart under load, from the saved table", async () => {
    await using first = await RouterProcess.start({ config: "manager:\n  saved-table-path: table.json\n" });
    await first.register(engine.port);
    await until(() => Bun.file(`${first.folder}/table.json`).exists());
    const { port } = first;
    const load = new StreamLoad(port);
    load.start(50);
    first.signal("SIGTERM");
    await first.exited;
    await using second = await RouterProcess.start({
      port,
      config: `manager:\n  saved-table-path: ${first.folder}/table.json\n`,
    });
    const readyAt = (await second.notify.next("READY")).at;
    await Bun.sleep(300);
    await load.stop();
    const later = load.streams.filter(({ startedAt }) => startedAt > readyAt);
    expect(later.length).toBeGreaterThan(0);
    expect(later.filter(({ fate }) => fate !== "complete")).toEqual([]);
    expect(load.fates).not.toHaveProperty("cut");
  }, 30_000);
});

describe("a stop", () => {
  test("answers health checks 503 on connections that stay, and tells clients to leave", async () => {
    await using router = await RouterProcess.start({ config: "server:\n  drain-notice-secs: 5\n" });
    const url = `http://127.0.0.1:${router.port}/health`;
    expect((await fetch(url)).status).toBe(200);
    router.signal("SIGTERM");
    await router.notify.next("STOPPING");
    await until(async () => (await fetch(url)).status === 503);
    const answer = await fetch(url);
    expect(answer.headers.get("connection")).toBe("close");
    expect(answer.headers.get("x-router-reason")).toBe("draining");
  }, 20_000);

  test("refuses new connections after the notice, while a stream runs to its end", async () => {
    await using router = await RouterProcess.start({ config: "server:\n  drain-notice-secs: 0.05\n" });
    const slow = startEngine(1500);
    await router.register(slow.port);
    const url = `http://127.0.0.1:${router.port}`;
    const stream = await fetch(`${url}/v1/chat/completions`, { method: "POST", body: '{"stream":true}' });
    router.signal("SIGTERM");
    await until(() =>
      fetch(`${url}/health`).then(
        () => false,
        () => true,
      ),
    );
    expect(await stream.text()).toEndWith("data: [DONE]\n\n");
    expect(await router.exited).toBe(0);
    slow.stop();
  }, 20_000);

  test("ends what is left at the deadline with an error event", async () => {
    await using router = await RouterProcess.start({
      config: "server:\n  drain-notice-secs: 0\n  drain-timeout-secs: 0.2\n  stream-drain-timeout-secs: 0.4\n",
    });
    const slow = startEngine(60_000);
    await router.register(slow.port);
    const load = new StreamLoad(router.port);
    load.start(20);
    await Bun.sleep(200);
    router.signal("SIGTERM");
    expect(await router.exited).toBe(0);
    await load.stop();
    expect(load.fates["error event"]).toBeGreaterThan(0);
    expect(load.fates).not.toHaveProperty("cut");
    expect(router.output).toContain("some answers were cut");
    slow.stop();
  }, 20_000);

  test("happens at once on a second signal", async () => {
    await using router = await RouterProcess.start();
    const slow = startEngine(60_000);
    await router.register(slow.port);
    const stream = await fetch(`http://127.0.0.1:${router.port}/v1/chat/completions`, {
      method: "POST",
      body: '{"stream":true}',
    });
    router.signal("SIGTERM");
    await router.notify.next("STOPPING");
    router.signal("SIGTERM");
    expect(await router.exited).toBe(1);
    expect(await stream.text().catch(() => "cut")).not.toContain("[DONE]");
    slow.stop();
  }, 20_000);

  test("is not held up by idle connections of clients", async () => {
    await using router = await RouterProcess.start({ config: "server:\n  drain-notice-secs: 0\n" });
    const idle = await Bun.connect({
      hostname: "127.0.0.1",
      port: router.port,
      socket: { data: () => undefined },
    });
    idle.write("GET /health HTTP/1.1\r\nHost: a\r\n\r\n");
    await Bun.sleep(50);
    router.signal("SIGTERM");
    expect(await router.exited).toBe(0);
    expect(router.output).toContain("every answer was completed");
    idle.terminate();
  }, 20_000);
});
