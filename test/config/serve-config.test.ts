import { describe, expect, test } from "bun:test";
import { loadServeConfig } from "../../src/config/serve-config.ts";
import type { ServeConfig } from "../../src/config/serve-config.ts";

const INVOCATION = { programName: "./fd-router", now: new Date(2026, 0, 5, 7, 8, 9) };

function run(args: readonly string[], files: Readonly<Record<string, string | Error>> = {}): ServeConfig {
  const readFile = (path: string): string => {
    const found = files[path] ?? systemError("ENOENT");
    if (found instanceof Error) throw found;
    return found;
  };
  return loadServeConfig(args, {}, readFile, INVOCATION);
}

function systemError(code: string): Error {
  return Object.assign(new Error(code), { code });
}

const GO_USAGE = `Usage of ./fd-router:
  -V\tprint version info (shorthand)
  -config_path string
    \tpath to config file
  -port string
    \tlisten port of router
  -splitwise
    \tenable splitwise mode
  -version
    \tprint version info
`;

describe("help and version", () => {
  test("-h begins with the Go program's usage, on stderr, status 0", () => {
    const result = run(["-h"]);
    expect(result).toMatchObject({ kind: "exit", code: 0, stdout: "" });
    expect(result.kind === "exit" && result.stderr.startsWith(GO_USAGE)).toBe(true);
  });

  test("-h goes on with our flags", () => {
    expect(run(["-h"])).toMatchObject({ stderr: expect.stringMatching(/^ {2}-workers int\n {4}\tserver\.workers: /m) });
  });

  test("--version prints the Go program's layout and reads no file", () => {
    const result = run(["--version", "--config_path", "nope.yaml"]);
    expect(result).toMatchObject({ kind: "exit", code: 0, stderr: "" });
    expect(result.kind === "exit" && result.stdout).toMatch(
      /^golang-router\n {2}version: {3}\S+\n {2}commit: {4}\S+\n {2}dirty: {5}\S+\n {2}vcsTime: {3}\S+\n {2}module: {4}\S/,
    );
  });
});

describe("wrong flags", () => {
  test("end with status 2, Go's message, then usage, then a hint", () => {
    expect(run(["--prot", "1"])).toEqual({
      kind: "exit",
      code: 2,
      stdout: "",
      stderr: `flag provided but not defined: -prot\n${GO_USAGE}All flags: ./fd-router -h\ndid you mean --port?\n`,
    });
  });
});

describe("a configuration to fail with ends with status 1 and a line of Go's logger", () => {
  const failure = (args: readonly string[], files = {}): string => {
    const result = run(args, files);
    if (result.kind !== "exit") throw new Error("it runs");
    expect([result.code, result.stdout]).toEqual([1, ""]);
    return result.stderr;
  };
  const head = "2026/01/05 07:08:09 Failed to load config: ";

  test.each([[[]], [["--"]], [["-port=", "--splitwise"]], [["--version=false"]], [["--config_path", ""]]])(
    "no port: %j",
    (args) => {
      expect(failure(args)).toBe(`${head}failed to set router listen port\n`);
    },
  );

  test("no port because the flags ended too early: that is said too", () => {
    expect(failure(["-", "--port", "1"])).toBe(
      `${head}failed to set router listen port\n  command line: "-" "--port" "1" ignored: flags end at the first argument that is none\n`,
    );
  });

  test.each([
    ["ENOENT", "open c.yaml: no such file or directory"],
    ["EISDIR", "read c.yaml: is a directory"],
    ["EACCES", "open c.yaml: permission denied"],
  ])("unreadable file: %s", (code, text) => {
    expect(failure(["--config_path", "c.yaml"], { "c.yaml": systemError(code) })).toBe(
      `${head}failed to read config file: ${text}\n`,
    );
  });

  test("no YAML: Go's line first, then place and reason", () => {
    expect(failure(["--config_path", "c.yaml", "--port", "1"], { "c.yaml": "a: b: c\n" })).toBe(
      `${head}failed to parse config: yaml: mapping values are not allowed in this context\n  c.yaml:1:4: Nested mappings are not allowed in compact mappings\n`,
    );
  });

  test("wrong types: Go's list first, then ours, then warnings", () => {
    const source = 'server:\n  splitwise: "true"\n  workers: 9999\n  mode: prod\n';
    expect(failure(["--config_path", "c.yaml", "--port", "1"], { "c.yaml": source })).toBe(
      `${head}failed to parse config: yaml: unmarshal errors:
  line 2: cannot unmarshal !!str \`true\` into bool
  c.yaml:2:14: server.splitwise is "true", wanted true or false, without quotes
  c.yaml:3:12: server.workers is 9999, wanted a whole number from 0 to 1024
  c.yaml:4:9: server.mode is "prod", wanted one of debug, release, test; using the default, "release"
`,
    );
  });

  test("one value out of range: one line", () => {
    expect(failure(["--config_path", "c.yaml"], { "c.yaml": "server: {port: 1, workers: -1}\n" })).toBe(
      `${head}c.yaml:1:28: server.workers is -1, wanted a whole number from 0 to 1024\n`,
    );
  });
});

describe("a configuration to run with", () => {
  test("a flag is enough", () => {
    const result = run(["--port", "8080"]);
    expect(result).toMatchObject({ kind: "run", warnings: [], config: { server: { port: "8080", splitwise: false } } });
  });

  test("the example that the Go program's users copy runs without a warning", () => {
    const source = `server:
  port: "8080"
  host: "0.0.0.0"
  mode: "debug"
  splitwise: true
scheduler:
  policy: "power_of_two"
  prefill-policy: "process_tokens"
  decode-policy: "request_num"
  eviction-interval-secs: 60
  eviction-duration-mins: 30
  balance-abs-threshold: 1
  balance-rel-threshold: 0.2
  hit-ratio-weight: 1.0
  load-balance-weight: 0.05
  cache-block-size: 4
  waiting-weight: 10
  stats-interval-secs: 5
manager:
  health-failure-threshold: 3
  health-success-threshold: 2
  health-check-timeout-secs: 5
  health-check-interval-secs: 5
  health-check-endpoint: /health
  register-path: "config/register.yaml"
log:
  level: "info"
  output: "file"
  max-age-days: 7
  max-total-size-mb: 500
  cleanup-interval-secs: 3600
`;
    const result = run(["--config_path", "config/config.yaml"], { "config/config.yaml": source });
    expect(result).toMatchObject({
      kind: "run",
      warnings: [],
      config: {
        server: { port: "8080", host: "0.0.0.0", splitwise: true },
        scheduler: { policy: "power_of_two", "load-balance-weight": 0.05, "cache-block-size": 4 },
        manager: { "health-failure-threshold": 3, "register-path": "config/register.yaml" },
        log: { output: "file", "max-age-days": 7 },
      },
    });
  });

  test("the name of the program is the caller's", () => {
    const result = loadServeConfig(["-h"], {}, () => "", { ...INVOCATION, programName: "/opt/fd-router" });
    expect(result).toMatchObject({ stderr: expect.stringContaining("Usage of /opt/fd-router:\n") });
  });
});
