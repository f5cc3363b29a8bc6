import { afterEach, describe, expect, test } from "bun:test";
import { createRegistrationClient, type RegistrationEvent } from "../../src/registration/client.ts";
import { registryOptions } from "../../src/registry/options.ts";
import { createRegistry, type RegistryService } from "../../src/registry/service.ts";
import { problemOf, until } from "./support/fixture.ts";

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

function quiet(): void {}

async function start(options: Record<string, unknown> = {}): Promise<{ registry: RegistryService; port: number }> {
  const registry = createRegistry(registryOptions.parse(options), {
    splitwise: false,
    routerPort: 0,
    log: { debug: quiet, info: quiet, warn: quiet, error: quiet },
  });
  await registry.start();
  closers.push(() => registry.stop());
  return { registry, port: registry.registrationAddress?.port ?? 0 };
}

function startEngine(): { port: number; stop: () => void } {
  const server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response("") });
  const stop = (): void => void server.stop(true);
  closers.push(stop);
  return { port: server.port ?? 0, stop };
}

describe("client, TCP door, registry and real probes together", () => {
  test("a registered instance becomes ready, reports, drains and leaves", async () => {
    const { registry, port } = await start();
    const engine = startEngine();
    const events: RegistrationEvent[] = [];
    const client = createRegistrationClient({ host: "127.0.0.1", port, onEvent: (event) => events.push(event) });
    closers.push(() => client.close());
    const instance = await client.register({ role: "mixed", host_ip: "127.0.0.1", port: engine.port, model: "m" });
    await until(() => registry.snapshot().members.length === 1, "membership");
    instance.report({ running: 3, waiting: 1, kvUsage: 0.5 });
    await until(() => registry.snapshot().members[0]?.report?.running === 3, "the report");
    const drained = instance.drain(5000);
    await until(() => registry.snapshot().members[0]?.state === "draining", "the drain");
    const feed = setInterval(() => registry.inFlight(new Map()), 20);
    closers.push(() => clearInterval(feed));
    await drained;
    await instance.leave();
    expect(registry.snapshot().members).toEqual([]);
    expect(events.map((event) => event.kind)).toEqual(["connected", "registered"]);
  });

  test("G23 a client registers everything again when the router was restarted", async () => {
    const first = await start();
    const engine = startEngine();
    const client = createRegistrationClient({ host: "127.0.0.1", port: first.port });
    closers.push(() => client.close());
    await client.register({ role: "mixed", host_ip: "127.0.0.1", port: engine.port });
    await first.registry.stop();
    const second = await start({ "registration-port": first.port });
    await until(() => second.registry.snapshot().members.length === 1, "membership");
  });

  test("the client waits for a router that is not there yet", async () => {
    const free = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => {} } });
    const { port } = free;
    free.stop(true);
    const engine = startEngine();
    const client = createRegistrationClient({ host: "127.0.0.1", port });
    closers.push(() => client.close());
    const registered = client.register({ role: "mixed", host_ip: "127.0.0.1", port: engine.port });
    const { registry } = await start({ "registration-port": port });
    await registered;
    await until(() => registry.snapshot().members.length === 1, "membership");
  });

  test("a dead engine is evicted as soon as its connection closes", async () => {
    const { registry, port } = await start();
    const engine = startEngine();
    const client = createRegistrationClient({ host: "127.0.0.1", port });
    await client.register({ role: "mixed", host_ip: "127.0.0.1", port: engine.port });
    await until(() => registry.snapshot().members.length === 1, "membership");
    engine.stop();
    client.close();
    await until(() => registry.snapshot().members.length === 0, "eviction");
  });

  test("G21 a wrong token is refused for good", async () => {
    const { port } = await start({ "registration-token": "secret" });
    const refused = createRegistrationClient({ host: "127.0.0.1", port, token: "guess" });
    closers.push(() => refused.close());
    const fields = { role: "mixed", host_ip: "127.0.0.1", port: 1 } as const;
    expect(await problemOf(refused.register(fields))).toContain("unauthorized");
    const right = createRegistrationClient({ host: "127.0.0.1", port, token: "secret" });
    closers.push(() => right.close());
    await right.register(fields);
  });

  test("an instance that the router does not want is refused for good", async () => {
    const { port } = await start();
    const client = createRegistrationClient({ host: "127.0.0.1", port });
    closers.push(() => client.close());
    const refused = client.register({ role: "prefill", host_ip: "127.0.0.1", port: 1 });
    expect(await problemOf(refused)).toContain("only MIXED instances are allowed");
  });
});
