import { describe, expect, test } from "bun:test";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseFleet } from "../../src/launcher/fleet-file.ts";
import { planFleet } from "../../src/launcher/plan.ts";
import { addRouter } from "../../src/launcher/plan-router.ts";
import { readOptions } from "../../src/launcher/read-options.ts";
import { commandsOf, HOST } from "../support/launcher/plan-input.ts";

const TWO_GROUPS = `
router: 10.0.0.5:30000
drain-secs: 20
groups:
  - name: prefill
    gpus: [0, 1]
    ports: [8100]
    args: --model m --splitwise-role prefill --tensor-parallel-size 2 --data-parallel-size 1
  - name: decode
    kind: replicas
    num-servers: 2
    gpus: "2,3"
    args: ["--model", m, --splitwise-role, decode]
    env: { KVCACHE_RDMA_NICS: mlx5_0, RETRIES: 3 }
    max-in-flight: 32
`;

function fileOf(text: string): string {
  const path = join(mkdtempSync(join(tmpdir(), "fd-fleet-")), "fleet.yaml");
  writeFileSync(path, text);
  return path;
}

function problemsOf(text: string): readonly string[] {
  const file = parseFleet(text, "fleet.yaml");
  return file.ok ? [] : file.problems;
}

describe("fleet.yaml", () => {
  test("describes groups with the keys of the flags", () => {
    const file = parseFleet(TWO_GROUPS, "fleet.yaml");
    if (!file.ok) throw new Error(file.problems.join("\n"));
    const free = Array.from({ length: 60 }, (_, index) => 40_000 + index);
    const result = planFleet(file.groups, { ...HOST, environment: {} }, free);
    if (!result.ok) throw new Error(result.message);
    const servers = result.plan.units.flatMap((unit) => unit.servers);
    expect(result.plan.units.map((unit) => unit.name)).toEqual(["prefill", "decode-0", "decode-1"]);
    expect(servers[0]?.environment).toEqual({
      FD_ENABLE_MULTI_API_SERVER: "1",
      FD_LOG_DIR: "log/prefill/log_0",
      CUDA_VISIBLE_DEVICES: "0,1",
    });
    expect(servers[2]?.environment).toEqual({
      FD_LOG_DIR: "log/decode/log_1",
      CUDA_VISIBLE_DEVICES: "3",
      KVCACHE_RDMA_NICS: "mlx5_0",
      RETRIES: "3",
    });
    expect(servers[2]?.registration).toMatchObject({ role: "decode", max_in_flight: 32, device_ids: ["3"] });
    expect(commandsOf(result.plan)[0]).toContain("--port 8100 ");
    expect(new Set(servers.map((server) => server.port)).size).toBe(3);
  });

  test("flags go before what it says, defaults after", () => {
    const read = readOptions(["--fleet", fileOf(TWO_GROUPS), "--router", "h:1"]);
    if (read.kind !== "options") throw new Error(JSON.stringify(read));
    expect(read.launch.router).toEqual({ host: "h", port: 1 });
    expect([read.launch["drain-secs"], read.launch["grace-secs"]]).toEqual([20, 30]);
  });

  test.each<[string, string, string]>([
    [
      "unknown key",
      "groups:\n  - name: a\n    prots: [1]\n",
      'fleet.yaml:3:5: groups.0.prots: unknown key; did you mean "ports"?',
    ],
    [
      "wrong port",
      "groups:\n  - name: a\n    ports: [1, 70000]\n",
      'fleet.yaml:3:12: groups.0.ports: "70000" is not a port from 1 to 65535',
    ],
    ["missing name", "groups:\n  - num-servers: 2\n", "fleet.yaml:2:5: groups.0.name: is missing, wanted text"],
    [
      "wrong name",
      "groups:\n  - name: A b\n",
      "fleet.yaml:2:11: groups.0.name: wanted a name of lower-case letters, digits and hyphens",
    ],
    [
      "a word for a number",
      "groups:\n  - name: a\n    num-servers: x\n",
      "fleet.yaml:3:18: groups.0.num-servers: wanted a number",
    ],
    ["too much", "groups:\n  - name: a\n    weight: 500\n", "fleet.yaml:3:13: groups.0.weight: wanted at most 100"],
    [
      "an unknown kind",
      "groups:\n  - name: a\n    kind: x\n",
      "fleet.yaml:3:11: groups.0.kind: wanted one of data-parallel, replicas",
    ],
    [
      "a port that is text",
      "groups:\n  - name: a\n    ports: [1, x]\n",
      "fleet.yaml:3:12: groups.0.ports: wanted a list of ports, or `auto`",
    ],
    ["no group", "groups: []\n", "fleet.yaml:1:9: groups: wanted at least 1 in the list"],
    ["no groups", "router: a:1\n", "fleet.yaml:1:1: groups: is missing, wanted a list"],
    ["empty", "", "fleet.yaml:1:1: wanted keys with values"],
    ["twice the same key", "groups:\n  - name: a\n    name: b\n", "fleet.yaml:3:5: Map keys must be unique"],
    [
      "bad YAML",
      "groups: [\n",
      "fleet.yaml:2:1: Flow sequence in block collection must be sufficiently indented and end with a ]",
    ],
    ["twice the same name", "groups:\n  - name: a\n  - name: a\n", "fleet.yaml: groups: the name a is given twice"],
    ["a flag that is none of its", "dry-run: true\ngroups:\n  - name: a\n", "fleet.yaml:1:1: dry-run: unknown key"],
  ])("%s is told with its place", (_name, text, problem) => {
    expect(problemsOf(text)[0]).toStartWith(problem);
  });

  test("a GPU that two groups have is noted", () => {
    const text = "groups:\n  - name: a\n    gpus: [0]\n    command: x\n  - name: b\n    gpus: 0\n    command: x\n";
    const read = readOptions(["--fleet", fileOf(text)]);
    if (read.kind !== "options") throw new Error(JSON.stringify(read));
    const result = planFleet(
      read.groups,
      HOST,
      Array.from({ length: 50 }, (_, index) => 40_000 + index),
    );
    expect(result.ok && result.plan.notes).toEqual(["GPU 0 is given to a-0 and to b-0"]);
  });

  test("complaints of the plan name the group", () => {
    const read = readOptions(["--fleet", fileOf("groups:\n  - name: a\n    ports: [1, 2]\n    command: x\n")]);
    if (read.kind !== "options") throw new Error(JSON.stringify(read));
    expect(
      planFleet(
        read.groups,
        HOST,
        Array.from({ length: 50 }, (_, index) => 40_000 + index),
      ),
    ).toEqual({
      ok: false,
      message: "group a: --ports 1,2: Number of ports must match num-servers (2 given, 1 wanted)",
    });
  });
});

describe("--with-router", () => {
  test("adds the router, in splitwise mode for prefill and decode servers, without its secret on the command line", () => {
    const file = parseFleet(TWO_GROUPS, "fleet.yaml");
    if (!file.ok) throw new Error(file.problems.join("\n"));
    const result = planFleet(
      file.groups,
      HOST,
      Array.from({ length: 90 }, (_, index) => 40_000 + index),
    );
    if (!result.ok) throw new Error(result.message);
    const router = {
      selfCommand: ["fd-router"],
      address: { host: "0.0.0.0", port: 9000 },
      registrationPort: 9001,
      args: [],
      drainSecs: 20,
    };
    const plan = addRouter(result.plan, { ...router, environment: { SECRET: "s" } });
    expect(plan.router?.command).toEqual([
      "fd-router",
      "serve",
      "--port",
      "9000",
      "--splitwise",
      "--drain-timeout-secs",
      "20",
      "--stream-drain-timeout-secs",
      "20",
    ]);
    expect(plan.router?.environment).toEqual({ SECRET: "s" });
    expect(plan.claims.slice(0, 2).map(({ port }) => port)).toEqual([9000, 9001]);
  });
});
