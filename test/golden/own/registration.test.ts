/** `POST /register`, field by field, as FastDeploy's engines and people's scripts use it. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { GoldenEngine } from "../engine.ts";
import { RunningRouter, startEngine } from "./running-router.ts";

let router: RunningRouter;
let splitwise: RunningRouter;
let engine: GoldenEngine;

beforeAll(async () => {
  [router, splitwise, engine] = await Promise.all([
    RunningRouter.start(),
    RunningRouter.start({ splitwise: true }),
    startEngine(),
  ]);
}, 60_000);

afterAll(async () => {
  engine.stop();
  await Promise.all([router.stop(), splitwise.stop()]);
});

async function register(fields: object, to: RunningRouter = router): Promise<string> {
  const { status, body } = await to.register(engine, fields);
  const parsed = JSON.parse(body) as { readonly code: number; readonly msg: string };
  expect(parsed.code).toBe(status);
  return `${status} ${parsed.msg.replace(/^invalid InstanceInfo format:/, "format: ").replace(/^Invalid InstanceInfo JSON format: /, "json: ")}`;
}

describe("what is refused, and how", () => {
  const absent = undefined;
  test.each<[fields: object, answer: string]>([
    [{ role: absent }, "400 format: role is required"],
    [{ role: null }, "400 format: role is required"],
    [{ role: "" }, "400 format: invalid role: "],
    [{ role: "worker" }, "400 format: invalid role: worker"],
    [{ role: "prefill" }, "400 only MIXED instances are allowed"],
    [{ role: "decode" }, "400 only MIXED instances are allowed"],
    [{ role: 1 }, "400 only MIXED instances are allowed"],
    [{ role: 2 }, "400 only MIXED instances are allowed"],
    [{ role: 3 }, "400 json: invalid role integer: 3"],
    [{ role: -1 }, "400 json: invalid role integer: -1"],
    [{ host_ip: absent }, "400 format: host_ip is required"],
    [{ host_ip: null }, "400 format: host_ip is required"],
    [{ host_ip: "" }, "400 format: host_ip is required"],
    [{ host_ip: "some.host" }, "400 format: invalid host_ip: some.host"],
    [{ host_ip: "1.2.3" }, "400 format: invalid host_ip: 1.2.3"],
    [{ host_ip: "1.2.3.256" }, "400 format: invalid host_ip: 1.2.3.256"],
    [{ host_ip: "[::1]" }, "400 format: invalid host_ip: [::1]"],
    [{ host_ip: "127.0.0.1:80" }, "400 format: invalid host_ip: 127.0.0.1:80"],
    [{ port: absent }, "400 format: port is required"],
    [{ port: "" }, "400 format: port is required"],
    [{ port: 0 }, "400 format: invalid port: 0"],
    [{ port: -1 }, "400 format: invalid port: -1"],
    [{ port: 65_536 }, "400 format: invalid port: 65536"],
    [{ port: "abc" }, "400 format: invalid port: abc"],
    [{ port: " 80" }, "400 format: invalid port:  80"],
    [{ metrics_port: 0 }, "400 format: invalid metrics_port: 0"],
    [{ metrics_port: "x" }, "400 format: invalid metrics_port: x"],
    [{ transfer_protocol: ["tcp"] }, "400 format: invalid protocol: tcp"],
    [{ transfer_protocol: ["IPC"] }, "400 format: invalid protocol: IPC"],
    [{ device_ids: [1.5] }, "400 json: element 0: 1.5 not integer"],
    [{ device_ids: ["0", true] }, "400 json: element 1: type bool unsupported"],
    [{ rdma_ports: [null] }, "400 json: element 0: type <nil> unsupported"],
  ])("%j: %s", async (fields, answer) => {
    expect(await register(fields)).toBe(answer);
  });

  test.each<[fields: object, answer: string]>([
    [{ role: "mixed" }, "400 splitwise mode only supports PREFILL/DECODE instances"],
    [{ role: 0 }, "400 splitwise mode only supports PREFILL/DECODE instances"],
    [{ role: "prefill", connector_port: 0 }, "400 format: invalid connector_port: 0"],
    [{ role: "prefill", connector_port: "x" }, "400 format: invalid connector_port: x"],
    [{ role: "decode", engine_worker_queue_port: 70_000 }, "400 format: invalid engine_worker_queue_port: 70000"],
    [{ role: "decode", rdma_ports: [7100, 0] }, "400 format: rdma_ports[1] invalid port: 0"],
    [{ role: "decode", rdma_ports: ["a"] }, "400 format: rdma_ports[0] invalid port: a"],
  ])("splitwise, %j: %s", async (fields, answer) => {
    expect(await register(fields, splitwise)).toBe(answer);
  });

  test.each<[body: string, begin: string]>([
    ["", "Invalid InstanceInfo JSON format: unexpected end of JSON input"],
    ["x", "Invalid InstanceInfo JSON format: invalid character 'x' looking for beginning of value"],
    ["{", "Invalid InstanceInfo JSON format: unexpected end of JSON input"],
    ["{}x", "Invalid InstanceInfo JSON format: invalid character 'x' after top-level value"],
    ["[]", "Invalid InstanceInfo JSON format: json: cannot unmarshal array into Go value"],
    ["7", "Invalid InstanceInfo JSON format: json: cannot unmarshal number into Go value"],
  ])("the body %j is 400 in Go's words", async (body, begin) => {
    const answer = await router.send("POST", "/register", body);
    expect(answer.status).toBe(400);
    expect(answer.headers.get("content-type")).toBe("application/json; charset=utf-8");
    expect((JSON.parse(answer.body) as { readonly msg: string }).msg).toStartWith(begin);
  });

  test("role comes before address, address before port", async () => {
    expect(await register({ role: "x", host_ip: "y", port: 0 })).toContain("invalid role");
    expect(await register({ host_ip: "y", port: 0 })).toContain("invalid host_ip");
    expect(await register({ port: 0, transfer_protocol: ["z"] })).toContain("invalid port");
  });

  test("an instance that is not healthy is 503 with its URL", async () => {
    const dead = await startEngine();
    dead.stop();
    const { status, body } = await router.register(dead);
    expect(status).toBe(503);
    expect(body).toBe(`{"code":503,"msg":"http://127.0.0.1:${dead.port} service is not healthy"}`);
  });
});

describe("what is taken, and how it is shown", () => {
  async function shown(fields: object, to: RunningRouter = router, role = "mixed"): Promise<Record<string, unknown>> {
    expect(await register(fields, to)).toBe("200 Register success");
    const listing = JSON.parse((await to.send("GET", "/registered")).body) as Record<string, Record<string, unknown>[]>;
    const found = listing[role]?.find(({ url }) => String(url).endsWith(`:${engine.port}`));
    if (found === undefined) throw new Error(`not listed: ${JSON.stringify(listing)}`);
    return found;
  }

  test("all fields stand in the order that scripts know", async () => {
    expect(Object.keys(await shown({}))).toEqual([
      "url",
      "worker_type",
      "connector_port",
      "engine_worker_queue_port",
      "transfer_protocol",
      "rdma_ports",
      "device_ids",
      "metrics_port",
      "tp_size",
    ]);
  });

  test.each<[fields: object, key: string, value: unknown]>([
    [{}, "worker_type", "mixed"],
    [{ role: "MIXED" }, "worker_type", "mixed"],
    [{ role: 0 }, "worker_type", "mixed"],
    [{}, "connector_port", ""],
    [{ connector_port: 7100 }, "connector_port", "7100"],
    [{ connector_port: "7100" }, "connector_port", "7100"],
    [{ connector_port: null }, "connector_port", ""],
    [{ connector_port: "anything" }, "connector_port", "anything"],
    [{ engine_worker_queue_port: "8200" }, "engine_worker_queue_port", "8200"],
    [{}, "transfer_protocol", null],
    [{ transfer_protocol: ["ipc", "rdma"] }, "transfer_protocol", ["ipc", "rdma"]],
    [{ transfer_protocol: [] }, "transfer_protocol", []],
    [{ transfer_protocol: null }, "transfer_protocol", null],
    [{}, "rdma_ports", null],
    [{ rdma_ports: [7100, "7101", 7102.0] }, "rdma_ports", ["7100", "7101", "7102"]],
    [{ rdma_ports: null }, "rdma_ports", []],
    [{ device_ids: ["0", 1] }, "device_ids", ["0", "1"]],
    [{ device_ids: [] }, "device_ids", []],
    [{ metrics_port: 9100 }, "metrics_port", "9100"],
    [{ tp_size: 4 }, "tp_size", 4],
    [{ tp_size: null }, "tp_size", 0],
    [{ version: "2.5", is_paused: false, connected_decodes: [] }, "tp_size", 0],
  ])("%j has %s %j", async (fields, key, value) => {
    expect((await shown(fields))[key]).toEqual(value);
  });

  test("null is the same as leaving a field out (B24)", async () => {
    expect((await shown({ metrics_port: null }))["metrics_port"]).toBe(String(engine.port));
    expect(await register({ role: "decode", connector_port: null, rdma_ports: null }, splitwise)).toBe(
      "200 Register success",
    );
  });

  test("a port may be text", async () => {
    expect((await shown({ port: String(engine.port) }))["url"]).toBe(`http://127.0.0.1:${engine.port}`);
  });

  test("registering again replaces all that was said before", async () => {
    await shown({ tp_size: 2, device_ids: ["1"] });
    expect(await shown({})).toMatchObject({ tp_size: 0, device_ids: null });
  });

  test("the same instance may change its role", async () => {
    expect(await shown({ role: "prefill" }, splitwise, "prefill")).toMatchObject({ worker_type: "prefill" });
    expect(await shown({ role: "decode" }, splitwise, "decode")).toMatchObject({ worker_type: "decode" });
    expect((await splitwise.send("GET", "/registered_number")).body).toBe('{"decode":1,"mixed":0,"prefill":0}');
  });

  test("field names match in any case, the last of two wins", async () => {
    const body = `{"ROLE":"mixed","Host_IP":"127.0.0.1","port":1,"port":${engine.port},"tp_size":1,"TP_SIZE":3}`;
    expect((await router.send("POST", "/register", body)).status).toBe(200);
    expect((await router.send("GET", "/registered")).body).toContain('"tp_size":3');
  });

  test("an IPv6 address stands in brackets, in one spelling (B24)", async () => {
    const urls = await Promise.all(
      ["::1", "0:0:0:0:0:0:0:1"].map(async (host) => {
        expect(await register({ host_ip: host })).toBe("200 Register success");
        return (await router.send("GET", "/registered")).body.match(/http:\/\/\[[^"]*/g);
      }),
    );
    expect(urls.at(-1)).toEqual([`http://[::1]:${engine.port}`]);
  });

  test("a heartbeat of a healthy instance is not probed again (B25)", async () => {
    await register({});
    engine.gets = [];
    await register({});
    expect(engine.gets).toEqual([]);
  });
});
