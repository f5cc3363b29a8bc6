import { afterAll, describe, expect, test } from "bun:test";
import { RouterProcess } from "./support/router-process.ts";
import { startEngine } from "./support/stream-load.ts";

const engine = startEngine(50);
afterAll(() => engine.stop());

function registerFile(...ports: readonly number[]): string {
  const entries = ports.map((port) => `  - {role: mixed, host_ip: 127.0.0.1, port: ${port}}\n`);
  return `instances:\n${entries.join("")}`;
}

async function instances(router: RouterProcess): Promise<number> {
  const answer = await fetch(`http://127.0.0.1:${router.port}/registered_number`);
  return ((await answer.json()) as { mixed: number }).mixed;
}

function post(router: RouterProcess, body: string): Promise<Response> {
  return fetch(`http://127.0.0.1:${router.port}/v1/chat/completions`, { method: "POST", body });
}

describe("SIGHUP", () => {
  test("an invalid file changes nothing, says where, and stays in the status until it is mended", async () => {
    await using router = await RouterProcess.start({ config: "server:\n  max-body-bytes: 1000\n" });
    await router.register(engine.port);
    const large = JSON.stringify({ stream: true, prompt: "x".repeat(500) });
    await router.writeConfig("server:\n  max-body-bytes: 100\n  retries: many\n");
    await router.reload();
    await router.said("Reload failed, nothing is changed: ");
    expect(router.output).toContain(`${router.configPath}:3:12: server.retries is many, wanted a whole number`);
    expect(router.notify.messages.at(-1)?.variables["STATUS"]).toContain("last reload failed");
    expect((await post(router, large)).status).toBe(200);

    await router.writeConfig("server:\n  max-body-bytes: 100\n");
    await router.reload();
    await router.said("Reloaded: server.max-body-bytes is 100 (was 1000)");
    expect(router.notify.messages.at(-1)?.variables["STATUS"]).not.toContain("failed");
    // Both workers have it: the answers are spread over them by connection.
    const statuses = () => Promise.all(Array.from({ length: 20 }, async () => (await post(router, large)).status));
    expect(new Set(await statuses())).toEqual(new Set([413]));
    // A worker that is started later has it as well.
    router.signal("SIGUSR2");
    await router.said("starting it again");
    const metrics = async () => (await fetch(`http://127.0.0.1:${router.port}/metrics`)).text();
    while (!(await metrics()).includes("\nfd_router_workers 2\n")) await Bun.sleep(20);
    expect(new Set(await statuses())).toEqual(new Set([413]));
  }, 20_000);

  test("a key that wants a restart is named and kept, the others change", async () => {
    await using router = await RouterProcess.start();
    await router.writeConfig("server:\n  host: 127.0.0.2\nlog:\n  format: json\n");
    await router.reload();
    await router.said('server.host is "127.0.0.2", which wants a restart; going on with');
    await router.said('"level":"info"');
    expect((await fetch(`http://127.0.0.1:${router.port}/health`)).status).toBe(200);
  }, 20_000);

  test("register.yaml is read again: instances come and go, a mistake in it changes nothing at all", async () => {
    await using router = await RouterProcess.start({ config: "manager:\n  register-path: register.yaml\n" });
    const file = `${router.folder}/register.yaml`;
    const second = startEngine(50);
    await Bun.write(file, registerFile(engine.port, second.port));
    await router.reload();
    expect(await instances(router)).toBe(2);

    await Bun.write(file, `${registerFile(engine.port)}  - {role: mixed, host_ip: 127.0.0.1}\n`);
    await router.writeConfig("manager:\n  register-path: register.yaml\nserver:\n  retries: 9\n");
    await router.reload();
    await router.said("nothing is changed: register.yaml:3:5: instances[1]: ");
    expect(await instances(router)).toBe(2);
    expect(router.output).not.toContain("retries is 9");

    await Bun.write(file, registerFile(engine.port));
    await router.reload();
    expect(await instances(router)).toBe(1);
    await router.said("Reloaded: server.retries is 9");
    second.stop();
  }, 20_000);

  test("a stream under way keeps the time limits that it began with", async () => {
    const slow = startEngine(3000);
    await using router = await RouterProcess.start();
    await router.register(slow.port);
    const before = await post(router, '{"stream":true}');
    await router.writeConfig("server:\n  idle-timeout-secs: 0.05\n");
    await router.reload();
    const after = await post(router, '{"stream":true}');
    const [old, young] = await Promise.all([before.text(), after.text().catch(() => "cut")]);
    expect(old).toEndWith("data: [DONE]\n\n");
    expect(young).not.toContain("[DONE]");
    slow.stop();
  }, 20_000);

  test("probes of instances follow the new interval and path", async () => {
    const probes: string[] = [];
    const probed = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch(request) {
        probes.push(new URL(request.url).pathname);
        return new Response("");
      },
    });
    await using router = await RouterProcess.start({ config: "manager:\n  health-check-interval-secs: 0.05\n" });
    await router.register(probed.port ?? 0);
    await router.writeConfig("manager:\n  health-check-interval-secs: 0.02\n  health-check-endpoint: /health/live\n");
    await router.reload();
    const from = probes.length;
    while (probes.length < from + 3) await Bun.sleep(5);
    expect(probes.slice(-2)).toEqual(["/health/live", "/health/live"]);
    await probed.stop(true);
  }, 20_000);

  test("many at once end in one that has read the last state of the file", async () => {
    await using router = await RouterProcess.start();
    for (let i = 0; i <= 10; i++) {
      await router.writeConfig(`server:\n  retries: ${i}\n`);
      router.signal("SIGHUP");
    }
    await router.said("server.retries is 10");
    while (router.notify.turns.at(-1) !== "READY") await Bun.sleep(5);
    const turns = router.notify.turns.slice(1);
    expect(turns.length % 2).toBe(0);
    expect(turns.every((turn, i) => turn === (i % 2 === 0 ? "RELOADING" : "READY"))).toBe(true);
  }, 20_000);
});
