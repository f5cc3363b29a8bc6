import { describe, expect, test } from "bun:test";
import { createFixture, mixed, settle } from "./support/fixture.ts";

const invalid = (problem: string): object => ({ code: 400, msg: `invalid InstanceInfo format:${problem}` });
const notJson = (problem: string): object => ({ code: 400, msg: `Invalid InstanceInfo JSON format: ${problem}` });

async function answerTo(body: unknown, splitwise = false): Promise<object> {
  const { request } = createFixture({}, { splitwise });
  return JSON.parse((await request("POST", "/register", body)).body);
}

describe("POST /register", () => {
  test("a healthy newcomer is in when it gets its 200", async () => {
    const { register, request, probes, lines } = createFixture();
    const reply = await register(mixed(8000));
    expect(reply).toEqual({
      status: 200,
      contentType: "application/json; charset=utf-8",
      body: '{"code":200,"msg":"Register success"}',
    });
    expect((await request("GET", "/registered_number")).body).toBe('{"decode":0,"mixed":1,"prefill":0}');
    expect(probes).toEqual(["http://10.0.0.1:8000/health"]);
    expect(lines).toEqual(["INFO Registered mixed instance: http://10.0.0.1:8000"]);
  });

  test("B25 heartbeats of a healthy instance are quiet and cost no probe", async () => {
    const { register, probes, lines } = createFixture();
    for (let i = 0; i < 100; i++) expect((await register(mixed(8000))).status).toBe(200);
    expect([probes.length, lines.length]).toEqual([1, 1]);
  });

  test("an unhealthy newcomer is refused by name", async () => {
    const { register, down, lines } = createFixture();
    down.add("10.0.0.1:8000");
    const reply = await register(mixed(8000));
    expect([reply.status, reply.body]).toEqual([
      503,
      '{"code":503,"msg":"http://10.0.0.1:8000 service is not healthy"}',
    ]);
    expect(lines).toEqual(["ERROR Failed to register instance: http://10.0.0.1:8000 service is not healthy"]);
  });

  test("two posts at once of one newcomer share a probe", async () => {
    const { register, probes } = createFixture();
    const replies = await Promise.all([register(mixed(8000)), register(mixed(8000))]);
    expect([replies.map((reply) => reply.status), probes.length]).toEqual([[200, 200], 1]);
  });

  test.each([
    ["", "unexpected end of JSON input"],
    ["invalid json", "invalid character 'i' looking for beginning of value"],
    ['{"role" "mixed"}', "invalid character '\"' after object key"],
    ['{"role":"mixed" 1}', "invalid character '1' after object key:value pair"],
    ["{,}", "invalid character ',' looking for beginning of object key string"],
    ['{"a":[1 2]}', "invalid character '2' after array element"],
    ['{"a":tru}', "invalid character '}' in literal true (expecting 'e')"],
    ['{"a":-x}', "invalid character 'x' in numeric literal"],
    ['{"a":1.}', "invalid character '}' after decimal point in numeric literal"],
    ['{"a":1e}', "invalid character '}' in exponent of numeric literal"],
    ['{"a":"\\x"}', "invalid character 'x' in string escape code"],
    ['{"a":"\\u12g4"}', "invalid character 'g' in \\u hexadecimal character escape"],
    ['{"a":"\n"}', "invalid character '\\n' in string literal"],
    ["{} x", "invalid character 'x' after top-level value"],
    ["[]", "json: cannot unmarshal array into Go value of type manager.InstanceInfo"],
    [`{"a":${"[".repeat(100)}`, "exceeded max depth"],
  ])("J01 broken JSON is named as Go does: %p", async (body, problem) => {
    expect(await answerTo(body)).toEqual(notJson(problem));
  });

  test.each([
    [mixed(8000, { role: 99 }), notJson("invalid role integer: 99")],
    [mixed(8000, { rdma_ports: [1.5] }), notJson("element 0: 1.5 not integer")],
    [mixed(8000, { device_ids: ["1", true] }), notJson("element 1: type bool unsupported")],
    [
      mixed(8000, { transfer_protocol: "ipc" }),
      notJson("json: cannot unmarshal string into Go struct field InstanceInfo.transfer_protocol of type []string"),
    ],
    [mixed(8000, { role: "x" }), invalid("invalid role: x")],
    [mixed(8000, { host_ip: "example.com" }), invalid("invalid host_ip: example.com")],
    [mixed(8000, { port: null }), invalid("port is required")],
    [mixed(65536), invalid("invalid port: 65536")],
    [mixed(8000, { metrics_port: "x" }), invalid("invalid metrics_port: x")],
    [mixed(8000, { role: "prefill" }), { code: 400, msg: "only MIXED instances are allowed" }],
  ])("checks and their texts: %j", async (body, expected) => {
    expect(await answerTo(body)).toEqual(expected);
  });

  test("prefill/decode mode checks more fields and takes other roles", async () => {
    const prefill = { role: "prefill", host_ip: "10.0.0.1", port: 8000 };
    expect(await answerTo({ ...prefill, connector_port: 0 }, true)).toEqual(invalid("invalid connector_port: 0"));
    expect(await answerTo({ ...prefill, rdma_ports: ["1", "x"] }, true)).toEqual(
      invalid("rdma_ports[1] invalid port: x"),
    );
    expect(await answerTo(mixed(8000), true)).toMatchObject({
      msg: "splitwise mode only supports PREFILL/DECODE instances",
    });
    expect(await answerTo(prefill, true)).toMatchObject({ code: 200 });
  });

  test("B24 null optional ports are absent, IPv6 is bracketed and canonical", async () => {
    const { register, request } = createFixture();
    await register(mixed(8000, { host_ip: "0:0:0:0:0:0:0:1", metrics_port: null, connector_port: null }));
    await register(mixed(8000, { host_ip: "::1" }));
    const { mixed: listed } = JSON.parse((await request("GET", "/registered")).body);
    expect(listed).toMatchObject([{ url: "http://[::1]:8000", metrics_port: "8000", connector_port: "" }]);
    expect(listed).toHaveLength(1);
  });

  test("a loopback address is replaced by that of the peer which posted it", async () => {
    const { register, request } = createFixture();
    await register(mixed(8000, { host_ip: "127.0.1.1" }), "10.1.2.3");
    await register(mixed(8001, { host_ip: "127.0.0.1" }), "::ffff:10.1.2.3");
    await register(mixed(8002, { host_ip: "127.0.0.1" }), "127.0.0.1");
    const listed: string = (await request("GET", "/registered")).body;
    expect(listed.match(/"url":"[^"]*"/g)).toEqual([
      '"url":"http://10.1.2.3:8000"',
      '"url":"http://10.1.2.3:8001"',
      '"url":"http://127.0.0.1:8002"',
    ]);
  });

  test("answers carry Go's escapes, log lines no control characters", async () => {
    const { register, lines } = createFixture();
    const reply = await register(mixed(8000, { role: "<b>&\u2028\u001b[31m\nx" }));
    expect(reply.body).toBe(
      '{"code":400,"msg":"invalid InstanceInfo format:invalid role: \\u003cb\\u003e\\u0026\\u2028\\u001b[31m\\nx"}',
    );
    expect(lines[0]).toEndWith("invalid role: <b>&\\u2028\\u001b[31m\\u000ax");
  });

  test("a body over 1 MiB is refused unread", async () => {
    const reply = await createFixture().request("POST", "/register", "x".repeat(1024 * 1024 + 1));
    expect(reply.body).toBe('{"code":400,"msg":"Invalid request body: http: request body too large"}');
  });

  test("G16 a full table answers 503 and keeps what it has", async () => {
    const { register, request } = createFixture({ "max-instances": 2 });
    await register(mixed(1));
    await register(mixed(2));
    expect(await register(mixed(3))).toMatchObject({ status: 503 });
    expect(await register(mixed(1))).toMatchObject({ status: 200 });
    expect((await request("GET", "/registered_number")).body).toBe('{"decode":0,"mixed":2,"prefill":0}');
  });

  test("a trailing slash of --router does no harm", async () => {
    expect((await createFixture().request("POST", "//register", mixed(1))).status).toBe(200);
  });
});

describe("addresses", () => {
  test.each([
    "169.254.169.254",
    "169.254.1.1",
    "fe80::1",
    "fd00:ec2::254",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "100.100.100.200",
    "224.0.0.1",
    "255.255.255.255",
    "ff02::1",
  ])("S01 %s is refused by default", async (host_ip) => {
    expect(JSON.stringify(await answerTo(mixed(8000, { host_ip })))).toContain("refused host_ip");
  });

  test("S02 loopback is refused where it is not allowed, the router itself everywhere", async () => {
    const strict = createFixture({ "allow-loopback": false });
    for (const host_ip of ["127.0.0.1", "127.9.9.9", "::1", "0.0.0.0", "::", "::ffff:127.0.0.1"]) {
      expect((await strict.register(mixed(8000, { host_ip }))).status).toBe(400);
    }
    const { register } = createFixture({}, { routerPort: 9000 });
    expect((await register(mixed(9000, { host_ip: "127.0.0.1" }))).body).toContain(
      "127.0.0.1:9000 is this router itself",
    );
    expect((await register(mixed(9001, { host_ip: "127.0.0.1", metrics_port: 9000 }))).status).toBe(400);
    expect((await register(mixed(9001, { host_ip: "127.0.0.1" }))).status).toBe(200);
  });

  test.each([
    "http://user:pw@10.0.0.1",
    "file:///etc",
    "unix:/x",
    "10.0.0.1/x",
    "10.0.0.1?x",
    "10.0.0.1#x",
    "10.0.0.1\\x",
    "167772161",
    "012.0.0.1",
    "0x0a.0.0.1",
    "10.1",
    "①②⑦.⓪.⓪.①",
    "fe80::1%eth0",
    "[::1]",
    "10.0.0.1\r\nX: y",
    "http://http://10.0.0.1",
  ])("S03 S06 %j is no address", async (host_ip) => {
    expect(await answerTo(mixed(8000, { host_ip }))).toEqual(invalid(`invalid host_ip: ${host_ip}`));
  });

  test("S06 a model name cannot carry a line break", async () => {
    expect(await answerTo(mixed(8000, { model: "a\r\nb" }))).toMatchObject({ code: 400 });
    expect(await answerTo(mixed(8000, { version: "x".repeat(257) }))).toMatchObject({ code: 400 });
  });

  test("B24 U31 a name is taken where that is allowed, and kept as its address", async () => {
    const fixture = createFixture({ "allow-host-names": true });
    const named = (host_ip: string): Promise<string> =>
      fixture.register(mixed(8000, { host_ip })).then((reply) => reply.body);
    fixture.resolve = (name) => Promise.resolve(name === "engine-1.local" ? ["10.0.0.7"] : []);
    expect(await named("engine-1.local")).toContain("Register success");
    expect(fixture.probes).toEqual(["http://10.0.0.7:8000/health"]);
    expect(await named("unknown.local")).toContain("invalid host_ip: unknown.local");
    for (const text of ["10.1", "0x0a.1", "a b", "a/b", "-", "a..b", "x".repeat(300)]) {
      expect(await named(text)).toContain("invalid host_ip");
    }
  });

  test("S01 S04 a name that leads to a forbidden address is refused", async () => {
    const fixture = createFixture({ "allow-host-names": true });
    fixture.resolve = () => Promise.resolve(["169.254.169.254"]);
    const reply = await fixture.register(mixed(8000, { host_ip: "metadata.google.internal" }));
    expect(reply.body).toContain("refused host_ip: 169.254.169.254");
  });

  test("only addresses within allow-cidrs are taken when there are any", async () => {
    const { register } = createFixture({ "allow-cidrs": ["10.0.0.0/8", "fd12::/16"] });
    expect((await register(mixed(1, { host_ip: "10.9.9.9" }))).status).toBe(200);
    expect((await register(mixed(1, { host_ip: "fd12::7" }))).status).toBe(200);
    expect((await register(mixed(1, { host_ip: "11.0.0.1" }))).body).toContain("not within allow-cidrs");
  });
});

describe("listings", () => {
  test("fields stand in the order that scripts know, null where never sent", async () => {
    const { register, request } = createFixture();
    await register(mixed(8000, { transfer_protocol: ["ipc"], rdma_ports: null, device_ids: [0] }));
    expect((await request("GET", "/registered")).body).toBe(
      '{"code":200,"decode":[],"mixed":[{"url":"http://10.0.0.1:8000","worker_type":"mixed","connector_port":"",' +
        '"engine_worker_queue_port":"","transfer_protocol":["ipc"],"rdma_ports":[],"device_ids":["0"],' +
        '"metrics_port":"8000","tp_size":0}],"msg":"success","prefill":[]}',
    );
  });

  test("B27 /decode_instances lists decode instances, of one version when asked", async () => {
    const { register, request } = createFixture({}, { splitwise: true });
    await register({ role: "decode", host_ip: "10.0.0.1", port: 8200, rdma_ports: [1], version: "v1" });
    await register({ role: "decode", host_ip: "10.0.0.2", port: 8200, version: "v2" });
    await register({ role: "prefill", host_ip: "10.0.0.3", port: 8200 });
    const one = JSON.parse((await request("GET", "/decode_instances?version=v1")).body);
    expect(one).toMatchObject([
      { role: "DECODE", host_ip: "10.0.0.1", port: "8200", rdma_ports: ["1"], version: "v1" },
    ]);
    expect(JSON.parse((await request("GET", "/decode_instances")).body)).toHaveLength(2);
    expect(JSON.parse((await request("GET", "/decode_instances?version=v3")).body)).toEqual([]);
  });

  test("B26 /health_generate probes, tells the log, changes nothing", async () => {
    const { register, request, down, lines } = createFixture();
    await register(mixed(1));
    await register(mixed(2));
    down.add("10.0.0.1:2");
    lines.length = 0;
    expect((await request("GET", "/health_generate")).body).toBe('{"code":200,"msg":"Health check complete"}');
    expect(lines.toSorted()).toEqual([
      "INFO Server http://10.0.0.1:1 is healthy",
      "WARN Server http://10.0.0.1:2 is not healthy",
    ]);
    await settle();
    expect((await request("GET", "/registered_number")).body).toContain('"mixed":2');
  });

  test("other paths and methods are not found", async () => {
    const { request } = createFixture();
    for (const [method, path] of [
      ["GET", "/register"],
      ["POST", "/registered"],
      ["GET", "/"],
    ] as const) {
      expect(await request(method, path)).toEqual({
        status: 404,
        contentType: "text/plain",
        body: "404 page not found",
      });
    }
  });
});
