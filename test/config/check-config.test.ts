import { expect, test } from "bun:test";
import { checkConfig } from "../../src/config/check-config.ts";
import type { CheckOutcome } from "../../src/config/check-config.ts";

function check(args: readonly string[], files: Readonly<Record<string, string>> = {}): CheckOutcome {
  const readFile = (path: string): string => {
    const text = files[path];
    if (text === undefined) throw Object.assign(new Error("no file"), { code: "ENOENT" });
    return text;
  };
  return checkConfig(args, {}, readFile, "fd-router");
}

test("a right file: status 0 and one line", () => {
  expect(check(["c.yaml"], { "c.yaml": "server:\n  port: 80\n  workers: 2\n" })).toEqual({
    code: 0,
    stdout: "",
    stderr: "c.yaml: ok (2 options set)\n",
  });
});

test("a mistake is shown in its line, underlined", () => {
  expect(check(["--config_path", "c.yaml"], { "c.yaml": "server:\n  port: 80\n\n  splitwise: 'maybe' # ?\n" })).toEqual(
    {
      code: 1,
      stdout: "",
      stderr: `error: c.yaml:4:14: server.splitwise is "maybe", wanted true or false, without quotes
  4 |   splitwise: 'maybe' # ?
    |              ^^^^^^^
c.yaml: the router would not start with this (1 error)
`,
    },
  );
});

test("warnings are shown and pass, unless --strict", () => {
  const files = { "c.yaml": "server: {port: 80}\nscheduler:\n\n\n\n\n\n\n  polcy: random\n" };
  const relaxed = check(["c.yaml"], files);
  expect(relaxed).toEqual({
    code: 0,
    stdout: "",
    stderr: `warning: c.yaml:9:3: unknown key scheduler.polcy is ignored; did you mean "scheduler.policy"?
  9 |   polcy: random
    |   ^^^^^
c.yaml: ok (1 option set, 1 warning)
`,
  });
  expect(check(["c.yaml", "--strict"], files)).toEqual({ ...relaxed, code: 1 });
});

test("--print writes the effective configuration to stdout, flags after the file included", () => {
  const { code, stdout } = check(["c.yaml", "--print", "--workers", "3"], { "c.yaml": "server: {port: 80}\n" });
  expect(code).toBe(0);
  expect(stdout).toMatch(/^server:\n {2}name: /);
  expect(stdout).toMatch(/^ {2}workers: 3 +# flag --workers$/m);
});

test.each([
  ["99999", "listen tcp: address 99999: invalid port"],
  ["abc", "listen tcp: address tcp/abc: unknown port"],
])("port %s cannot be listened on", (port, reason) => {
  expect(check(["--port", port])).toMatchObject({
    code: 1,
    stderr: expect.stringContaining(`error: --port: server.port cannot be listened on: ${reason}\n`),
  });
});

test("no port is an error that says where to put one", () => {
  expect(check([])).toMatchObject({ code: 1, stderr: expect.stringContaining("FD_ROUTER_SERVER_PORT") });
});

test("a file of instances that is not there is a warning", () => {
  const files = { "c.yaml": "server: {port: 80}\nmanager:\n  register-path: r.yaml\n" };
  const text =
    "warning: c.yaml:3:18: manager.register-path cannot be read from this directory: open r.yaml: no such file";
  expect(check(["c.yaml"], files)).toMatchObject({ code: 0, stderr: expect.stringContaining(text) });
  expect(check(["c.yaml"], { ...files, "r.yaml": "" }).stderr).toBe("c.yaml: ok (2 options set)\n");
});

test("an unreadable or broken file is an error", () => {
  expect(check(["nope.yaml"]).stderr).toStartWith("error: nope.yaml: open nope.yaml: no such file or directory\n");
  expect(check(["c.yaml"], { "c.yaml": "a: b: c\n" })).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("  1 | a: b: c\n    |    ^\n"),
  });
});

test("wrong flags: status 2 and usage; --help: usage", () => {
  expect(check(["--prnt"])).toMatchObject({
    code: 2,
    stdout: "",
    stderr: expect.stringContaining("Usage: fd-router check"),
  });
  expect(check(["--help"])).toMatchObject({ code: 0, stderr: "", stdout: expect.stringContaining("--strict") });
});

test("a secret is neither printed nor quoted in a complaint", () => {
  const secret = "open-sesame".repeat(30);
  const files = {
    "short.yaml": "manager: {registration-token: open-sesame}\n",
    "long.yaml": `manager: {registration-token: ${secret}}\n`,
  };
  const { stdout } = check(["short.yaml", "--port", "1", "--print"], files);
  expect(stdout).toMatch(/^ {2}# registration-token: \(not shown\) +# file short\.yaml:1:31$/m);
  const { stderr } = check(["long.yaml", "--port", "1"], files);
  expect(stderr).toStartWith("error: long.yaml:1:31: manager.registration-token is (not shown), wanted text");
  expect(stderr).not.toContain("open-sesame");
});
