import { expect, test } from "bun:test";
import { parseRegisterFile } from "../../src/registry/register-file.ts";

function entriesOf(text: string): unknown[] {
  const file = parseRegisterFile(text);
  if (!file.ok) throw new Error(file.problem);
  return file.entries.map(({ position, parsed }) => [position, parsed.ok ? parsed.draft : parsed.problem]);
}

test("YAML's types are those of a registration", () => {
  const text = `instances:
  - role: prefill
    host_ip: 10.0.0.1
    port: 8097
    rdma_ports: [7100, "7101"]
    device_ids: [0, "1"]
    transfer_protocol: [ipc]
    tp_size: 2
    weight: 1.5
  - {role: 1, host_ip: ::1, port: "8098"}
`;
  expect(entriesOf(text)).toMatchObject([
    [
      "2:5",
      { role: "prefill", port: "8097", rdmaPorts: ["7100", "7101"], deviceIds: ["0", "1"], tpSize: 2, weight: 1.5 },
    ],
    ["10:5", { role: "prefill", hostIp: "::1", port: "8098" }],
  ]);
});

test("an entry that is no map, or has a field of another kind, is named by its place", () => {
  expect(entriesOf("instances:\n  - 5\n  - {role: [1]}\n")).toEqual([
    ["2:5", "entry is not a map"],
    ["3:5", "json: cannot unmarshal array into Go struct field InstanceInfo.role of type string"],
  ]);
});

test.each(["", "# nothing\n", "instances:\n", "instances: []\n", "other: 1\n"])("no instances in %j", (text) => {
  expect(entriesOf(text)).toEqual([]);
});

test.each([
  ["instances: [", "yaml: line 1:13: "],
  ["instances:\n  - role: mixed\n    role: mixed\n", "yaml: line 3:5: "],
  ["- 1\n", "yaml: a map with the key instances is wanted"],
  ["instances: {a: 1}\n", "yaml: instances is not a list"],
])("a file that cannot be used says where: %j", (text, problem) => {
  const file = parseRegisterFile(text);
  expect(file.ok ? "" : file.problem).toStartWith(problem);
});

test("aliases cannot blow up memory", () => {
  const bomb = ["a: &a [x, x, x, x, x, x, x, x, x, x]"];
  for (let i = 1; i < 9; i++) {
    const [from, to] = ["abcdefghij"[i - 1], "abcdefghij"[i]];
    bomb.push(`${to}: &${to} [${Array.from({ length: 10 }, () => `*${from}`).join(", ")}]`);
  }
  const file = parseRegisterFile(`${bomb.join("\n")}\ninstances:\n  - {role: mixed, host_ip: *i, port: 1}\n`);
  expect(file.ok && file.entries[0]?.parsed.ok).toBe(false);
});
