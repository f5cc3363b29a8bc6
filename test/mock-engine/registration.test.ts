import { afterEach, expect, test } from "bun:test";
import type { MockEngine } from "../../src/mock-engine/mock-engine.ts";
import type { MockEngineOptions } from "../../src/mock-engine/options.ts";
import { startRegistrations } from "../../src/mock-engine/registration.ts";
import { registryOptions } from "../../src/registry/options.ts";
import { createRegistry } from "../../src/registry/service.ts";
import { chatBody, post, startFast, until } from "./support.ts";

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

function quiet(): void {}

async function startRegistered(options: Partial<MockEngineOptions>): Promise<MockEngine> {
  const engine = startFast({ advertiseHost: "127.0.0.1", ...options });
  const registrations = await startRegistrations(engine, engine.server.options, quiet);
  closers.push(
    () => engine.stop(0.01),
    () => registrations.stop(),
  );
  return engine;
}

/** A router that only counts beats. */
function startRouter(): { address: string; beats: unknown[] } {
  const beats: unknown[] = [];
  const router = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: async (request) => {
      beats.push(await request.json());
      return new Response("{}");
    },
  });
  closers.push(() => router.stop(true));
  return { address: `127.0.0.1:${router.port}`, beats };
}

test("over HTTP it registers, and goes on with what is true at each beat", async () => {
  const { address, beats } = startRouter();
  const engine = await startRegistered({ router: address, registerIntervalSecs: 0.005 });
  await until(() => beats.length >= 3);
  expect(beats[2]).toMatchObject({ role: "mixed", host_ip: "127.0.0.1", port: engine.port, is_paused: false });
  engine.server.paused = true;
  await until(() => JSON.stringify(beats.at(-1)).includes(`"is_paused":true`));
});

test("over msgpack it registers and pushes its load, deep queue included", async () => {
  const registry = createRegistry(registryOptions.parse({}), {
    splitwise: false,
    routerPort: 0,
    log: { debug: quiet, info: quiet, warn: quiet, error: quiet },
  });
  await registry.start();
  closers.push(() => registry.stop());
  const registration = { host: "127.0.0.1", port: registry.registrationAddress?.port ?? 0 };
  const engine = await startRegistered({ registration, weight: 3, maxNumSeqs: 1, timeScale: 1 });
  await until(() => registry.snapshot().members.length === 1);
  expect(registry.snapshot().members[0]?.instance).toMatchObject({ port: engine.port, weight: 3, model: "mock-model" });
  const call = post(`${engine.url}/v1/chat/completions`, chatBody({ n: 3, max_tokens: 200 }));
  await until(() => {
    const report = registry.snapshot().members[0]?.report;
    return report?.running === 1 && report.waiting === 2;
  });
  engine.server.driver.engine.slowFactor = 0.001;
  expect((await call).status).toBe(200);
});
