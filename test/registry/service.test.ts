import { afterEach, describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { instanceId } from "../../src/fleet/instance.ts";
import type { FleetSnapshot } from "../../src/fleet/snapshot.ts";
import { createFixture, type Fixture, mixed, problemOf } from "./support/fixture.ts";

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "registry-"));
  cleanups.push(() => rm(path, { recursive: true }));
  return path;
}

async function started(options: Record<string, unknown> = {}, splitwise = false): Promise<Fixture> {
  const fixture = createFixture(options, { splitwise });
  await fixture.registry.start();
  cleanups.push(() => fixture.registry.stop());
  return fixture;
}

function shown(fixture: Fixture): Record<string, string> {
  const { members } = fixture.registry.snapshot();
  return Object.fromEntries(members.map((member) => [member.instance.host, member.state]));
}

const at = (host: string, more: object = {}): object => mixed(80, { host_ip: host, ...more });

function write(path: string, hosts: readonly string[]): Promise<number> {
  const lines = hosts.map((host) => `  - {role: mixed, host_ip: ${host}, port: 80}\n`);
  return Bun.write(path, `instances:\n${lines.join("")}`);
}

describe("health monitor", () => {
  test("every instance is probed once an interval, with path and query as configured", async () => {
    const fixture = await started({ "health-check-endpoint": "v1/ready?x=1", "health-check-interval-secs": 2 });
    await fixture.register(at("10.0.0.1"));
    fixture.probes.length = 0;
    await fixture.clock.advance(6000);
    expect(fixture.probes).toEqual(Array.from({ length: 3 }, () => "http://10.0.0.1:80/v1/ready?x=1"));
  });

  test("with threshold 3 two bad rounds are forgiven, three are not", async () => {
    const fixture = await started({ "health-failure-threshold": 3 });
    await fixture.register(at("10.0.0.1"));
    fixture.down.add("10.0.0.1");
    await fixture.clock.advance(10_000);
    expect(shown(fixture)).toEqual({ "10.0.0.1": "suspect" });
    fixture.down.delete("10.0.0.1");
    await fixture.clock.advance(5000);
    expect(shown(fixture)).toEqual({ "10.0.0.1": "ready" });
    fixture.down.add("10.0.0.1");
    await fixture.clock.advance(15_000);
    expect(shown(fixture)).toEqual({});
    expect(fixture.lines).toContain("ERROR Removed unhealthy mixed instance: http://10.0.0.1:80");
    expect(fixture.lines).toContain("DEBUG Healthy instances: prefill=[], decode=[], mixed=[]");
  });

  test("B23 an evicted instance that registers only once is found again by itself", async () => {
    const fixture = await started();
    await fixture.register(at("10.0.0.1"));
    fixture.down.add("10.0.0.1");
    await fixture.clock.advance(5000);
    expect(shown(fixture)).toEqual({});
    await fixture.clock.advance(600_000);
    fixture.down.delete("10.0.0.1");
    await fixture.clock.advance(5000);
    expect(shown(fixture)).toEqual({ "10.0.0.1": "ready" });
  });

  test("an instance does not expire because its beats stopped", async () => {
    const fixture = await started();
    await fixture.register(at("10.0.0.1"));
    await fixture.clock.advance(3_600_000);
    expect(shown(fixture)).toEqual({ "10.0.0.1": "ready" });
  });

  test("a failure that a worker saw leads to an early look, not to a flood of them", async () => {
    const fixture = await started();
    await fixture.register(at("10.0.0.1"));
    fixture.probes.length = 0;
    fixture.down.add("10.0.0.1");
    for (let i = 0; i < 1000; i++) fixture.registry.observe(instanceId("http", "10.0.0.1", 80));
    await fixture.clock.advance(0);
    expect(fixture.probes).toHaveLength(1);
    expect(shown(fixture)).toEqual({});
  });

  test("G20 D04 a probe that outlasts its limit by far tells of our own sleep, and is repeated", async () => {
    const { promise, resolve } = Promise.withResolvers<string>();
    const fixture = await started();
    await fixture.register(at("10.0.0.1"));
    fixture.answer = () => promise;
    await fixture.clock.advance(5000);
    fixture.answer = () => Promise.resolve(null);
    fixture.clock.now += 60_000;
    resolve("timed out");
    await fixture.clock.advance(0);
    expect(shown(fixture)).toEqual({ "10.0.0.1": "ready" });
    expect(fixture.lines.filter((line) => line.startsWith("ERROR"))).toEqual([]);
  });

  test("a probe path without its slash gets one", async () => {
    const fixture = await started({ "health-check-endpoint": "health" });
    await fixture.register(at("10.0.0.1"));
    expect(shown(fixture)).toEqual({ "10.0.0.1": "ready" });
  });
});

describe("snapshots", () => {
  test("versions rise, and many changes at once make few snapshots", async () => {
    const fixture = await started();
    const snapshots: FleetSnapshot[] = [];
    const stop = fixture.registry.onSnapshot((snapshot) => snapshots.push(snapshot));
    const all = Array.from({ length: 100 }, (_, i) => fixture.register(at(`10.0.1.${i + 1}`)));
    await fixture.clock.advance(50);
    await Promise.all(all);
    expect(snapshots.length).toBeLessThan(20);
    expect(snapshots.at(-1)?.members).toHaveLength(100);
    expect(snapshots[1]?.version).toBeGreaterThan(snapshots[0]?.version ?? 0);
    stop();
    const { length } = snapshots;
    await fixture.clock.advance(1000);
    await fixture.register(at("10.0.2.1"));
    await fixture.clock.advance(1000);
    expect(snapshots).toHaveLength(length);
  });

  test("whoever is told that an instance joined finds it in the snapshot", async () => {
    const fixture = await started();
    let members = 0;
    fixture.registry.onSnapshot((snapshot) => {
      members = snapshot.members.length;
    });
    for (let i = 1; i <= 8; i++) {
      await fixture.register(at(`10.0.1.${i}`));
      expect(members).toBe(i);
    }
  });

  test("an operator's drain shows at once and outlives heartbeats", async () => {
    const fixture = await started();
    await fixture.register(at("10.0.0.1"));
    const id = instanceId("http", "10.0.0.1", 80);
    expect(fixture.registry.setDrained(id, true)).toBe(true);
    await fixture.register(at("10.0.0.1"));
    expect(shown(fixture)).toEqual({ "10.0.0.1": "draining" });
    expect(fixture.registry.setDrained(id, false)).toBe(true);
    expect(fixture.registry.setDrained(instanceId("http", "10.0.0.9", 80), true)).toBe(false);
  });
});

describe("register.yaml", () => {
  test("is tried at start, line by line, with the lines that log tools know", async () => {
    const path = join(await folder(), "register.yaml");
    await Bun.write(
      path,
      "instances:\n  - role: mixed\n    host_ip: 10.0.0.1\n    port: '80'\n  - role: '1'\n    host_ip: 10.0.0.2\n    port: 80\n",
    );
    const fixture = await started({ "register-path": path });
    expect(fixture.lines).toEqual([
      "ERROR Failed to register instance from index 1: invalid InstanceInfo format:invalid role: 1 (at 5:5)",
      "INFO Registered mixed instance: http://10.0.0.1:80",
      "INFO Successfully registered instance from index 0",
    ]);
  });

  test("B23 an instance that is down at start joins when it is up", async () => {
    const path = join(await folder(), "register.yaml");
    await write(path, ["10.0.0.1"]);
    const fixture = createFixture({ "register-path": path });
    fixture.down.add("10.0.0.1");
    await fixture.registry.start();
    cleanups.push(() => fixture.registry.stop());
    expect(shown(fixture)).toEqual({});
    fixture.down.delete("10.0.0.1");
    await fixture.clock.advance(5000);
    expect(shown(fixture)).toEqual({ "10.0.0.1": "ready" });
  });

  test("D08 a reload adds, changes and removes; a file that cannot be read changes nothing", async () => {
    const path = join(await folder(), "register.yaml");
    await write(path, ["10.0.0.1", "10.0.0.2"]);
    const fixture = await started({ "register-path": path });
    await write(path, ["10.0.0.2", "10.0.0.3"]);
    await fixture.registry.reload();
    expect(Object.keys(shown(fixture)).toSorted()).toEqual(["10.0.0.2", "10.0.0.3"]);
    await Bun.write(path, "instances: [\n");
    await fixture.registry.reload();
    expect(fixture.lines.at(-1)).toStartWith(`ERROR Failed to unmarshal YAML file ${path}: yaml: line 2:1: `);
    await rm(path);
    await fixture.registry.reload();
    expect(fixture.lines.at(-1)).toStartWith(`ERROR Failed to read YAML file ${path}: `);
    expect(Object.keys(shown(fixture))).toHaveLength(2);
  });

  test("an instance that also registers itself stays when its line goes", async () => {
    const path = join(await folder(), "register.yaml");
    await write(path, ["10.0.0.1"]);
    const fixture = await started({ "register-path": path });
    await fixture.register(at("10.0.0.1"));
    await write(path, ["10.0.0.2"]);
    await fixture.registry.reload();
    expect(Object.keys(shown(fixture)).toSorted()).toEqual(["10.0.0.1", "10.0.0.2"]);
  });
});

describe("saved table", () => {
  test("G23 a restarted router serves at once what the former one knew, drains included", async () => {
    const path = join(await folder(), "table.json");
    const before = await started({ "saved-table-path": path });
    await before.register(at("10.0.0.1", { device_ids: ["0"], tp_size: 2, model: "m" }));
    await before.register(at("10.0.0.2"));
    before.registry.setDrained(instanceId("http", "10.0.0.2", 80), true);
    await before.registry.stop();

    const after = createFixture({ "saved-table-path": path });
    const sights: Record<string, string>[] = [];
    after.registry.onSnapshot(() => sights.push(shown(after)));
    after.down.add("10.0.0.9");
    await after.registry.start();
    cleanups.push(() => after.registry.stop());
    const untilProbed: Record<string, string> = { "10.0.0.1": "suspect", "10.0.0.2": "draining" };
    expect(sights.length).toBeGreaterThan(0);
    for (const [host, state] of Object.entries(sights[0] ?? {})) expect(state).toBe(untilProbed[host] ?? "not saved");
    await after.clock.advance(0);
    expect(shown(after)).toEqual({ "10.0.0.1": "ready", "10.0.0.2": "draining" });
    const restored = after.registry.snapshot().members.find(({ instance }) => instance.host === "10.0.0.1");
    expect(restored?.instance).toMatchObject({ deviceIds: ["0"], tpSize: 2, model: "m" });
    expect(restored?.readyAgeMs).toBeGreaterThan(60_000);
  });

  test("is written a second after a change, and not without one", async () => {
    const path = join(await folder(), "table.json");
    const fixture = await started({ "saved-table-path": path });
    await fixture.clock.advance(2000);
    expect(await Bun.file(path).exists()).toBe(false);
    await fixture.register(at("10.0.0.1"));
    await fixture.clock.advance(1000);
    await fixture.registry.stop();
    expect(JSON.parse(await Bun.file(path).text())).toMatchObject({ format: 1, instances: [{ drained: false }] });
  });

  test("a table that is no table is reported and does not keep the router from starting", async () => {
    const path = join(await folder(), "table.json");
    for (const text of ["{", "[]", '{"format":2,"instances":[]}']) {
      await Bun.write(path, text);
      const fixture = await started({ "saved-table-path": path });
      expect(fixture.lines[0]).toStartWith(`ERROR Failed to read saved table ${path}: `);
    }
    await Bun.write(
      path,
      '{"format":1,"instances":[1,{},{"registration":{"role":"mixed","host_ip":"169.254.169.254","port":80}}]}',
    );
    const fixture = await started({ "saved-table-path": path });
    expect(shown(fixture)).toEqual({});
  });
});

describe("registration port", () => {
  test("D07 a port that was asked for and is busy keeps the router from starting", async () => {
    const busy = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => {} } });
    const asked = createFixture({ "registration-port": busy.port });
    expect(await problemOf(asked.registry.start())).toStartWith(
      `cannot listen for registrations on 127.0.0.1:${busy.port}`,
    );
    await asked.registry.stop();
    const automatic = createFixture({ "registration-port": -1 }, { routerPort: busy.port - 1 });
    await automatic.registry.start();
    expect(automatic.registry.registrationAddress).toBeNull();
    expect(automatic.lines[0]).toContain("going on without");
    await automatic.registry.stop();
    busy.stop(true);
  });

  test("B37 an open port is said to be open", async () => {
    const fixture = createFixture({ "registration-port": -1 }, { routerPort: 0 });
    await fixture.registry.start();
    expect(fixture.lines[1]).toStartWith("WARN Registration is open to anyone");
    await fixture.registry.stop();
  });
});
