import { describe, expect, test } from "bun:test";
import { formatProblem } from "../../src/config/explain.ts";
import { parseFlags } from "../../src/config/flags.ts";
import { loadConfig } from "../../src/config/load.ts";
import type { Environment, LoadResult, LoadedConfig } from "../../src/config/load.ts";
import { printConfig } from "../../src/config/print-config.ts";
import { OPTIONS } from "../../src/config/schema.ts";

function load(args: readonly string[], env: Environment = {}, file = ""): LoadResult {
  const flags = parseFlags(args);
  if (flags.kind !== "parsed") throw new Error(JSON.stringify(flags));
  return loadConfig(flags, env, () => file);
}

function loaded(args: readonly string[], env: Environment = {}, file = ""): LoadedConfig {
  const result = load(args, env, file);
  if (result.kind !== "loaded") throw new Error(result.message);
  return result;
}

const FILE = ["--config_path", "c.yaml"];

describe("a value comes from the strongest source that has one", () => {
  const file = "server:\n  port: 1\n  workers: 1\nlog:\n  level: warn\n";

  test("default < file < environment < flag", () => {
    const env = { FD_ROUTER_SERVER_WORKERS: "2", FD_ROUTER_LOG_LEVEL: "error" };
    const { config, origins } = loaded([...FILE, "--workers", "3"], env, file);
    expect([config.server.workers, config.log.level, config.server.port]).toEqual([3, "error", "1"]);
    expect(config.server.retries).toBe(1);
    expect(origins.get("server.workers")).toEqual({ source: "flag", detail: "--workers" });
    expect(origins.get("log.level")).toEqual({ source: "env", detail: "FD_ROUTER_LOG_LEVEL" });
    expect(origins.get("server.port")).toEqual({ source: "file", detail: "c.yaml:2:9" });
    expect(origins.get("server.retries")).toEqual({ source: "default", detail: "" });
  });

  test("every option has an origin", () => {
    expect([...loaded(["--port", "1"]).origins.keys()].toSorted()).toEqual(OPTIONS.map(({ path }) => path).toSorted());
  });

  test("an empty variable counts as not there", () => {
    expect(loaded([...FILE], { FD_ROUTER_SERVER_WORKERS: "" }, file).config.server.workers).toBe(1);
  });

  test("a mistake in the file stops the start though a flag overrides it", () => {
    expect(load([...FILE, "--workers", "3"], {}, "server:\n  port: 1\n  workers: x\n").kind).toBe("failed");
  });
});

describe("--splitwise can only switch on", () => {
  const file = "server:\n  port: 1\n  splitwise: true\n";

  test("=false leaves the file's true, with a warning", () => {
    const { config, warnings } = loaded([...FILE, "--splitwise=false"], {}, file);
    expect(config.server.splitwise).toBe(true);
    expect(warnings.map(formatProblem)).toEqual([
      "command line: --splitwise=false does not switch splitwise off; c.yaml:3:14 has switched it on",
    ]);
  });

  test("=false where nobody switched it on is quiet", () => {
    const { config, warnings } = loaded(["--port", "1", "--splitwise=false"]);
    expect({ splitwise: config.server.splitwise, warnings }).toEqual({ splitwise: false, warnings: [] });
  });
});

describe("the environment", () => {
  test.each([
    ["FD_ROUTER_SERVER_WORKERS", "x", 'server.workers is "x", wanted a whole number from 0 to 1024'],
    ["FD_ROUTER_SERVER_WORKERS", "-1", "server.workers is -1, wanted a whole number from 0 to 1024"],
    ["FD_ROUTER_LOG_FORMAT", "jsn", 'log.format is "jsn", wanted one of go, json, pretty; did you mean "json"?'],
  ])("%s=%s stops the start", (name, value, text) => {
    expect(load(["--port", "1"], { [name]: value })).toMatchObject({ kind: "failed", message: `${name}: ${text}` });
  });

  test("a variable of no option is warned of, those of others are left alone", () => {
    const env = { FD_ROUTER_SERVER_WORKRES: "1", FD_ROUTER_HOME: "/", PORT: "1", FD_PORT: "1", GIN_MODE: "debug" };
    expect(loaded(["--port", "1"], env).warnings.map(formatProblem)).toEqual([
      'FD_ROUTER_SERVER_WORKRES: no option has this variable, it is ignored; did you mean "FD_ROUTER_SERVER_WORKERS"?',
    ]);
  });
});

test("arguments after the last flag are warned of", () => {
  expect(loaded(["--port", "1", "--splitwise", "false"]).warnings.map(formatProblem)).toEqual([
    'command line: "false" ignored: flags end at the first argument that is none; a switch takes its value as --splitwise=false',
  ]);
});

test("a printed configuration, read as a file, is the same configuration", () => {
  const first = loaded([
    "--port",
    "http",
    "--splitwise",
    "--log-format",
    "json",
    "--workers",
    "2",
    "--request-timeout-secs",
    "0.5",
  ]);
  const again = loaded(FILE, {}, printConfig(first));
  expect(again.config).toEqual(first.config);
  expect(again.warnings).toEqual([]);
});

test("a printed line names the origin of its value", () => {
  const text = printConfig(loaded(["--port", "80"], { FD_ROUTER_LOG_LEVEL: "warn" }));
  expect(text).toMatch(/^ {2}port: "80" +# flag --port$/m);
  expect(text).toMatch(/^ {2}level: "warn" +# env FD_ROUTER_LOG_LEVEL$/m);
  expect(text).toMatch(/^ {2}retries: 1 +# default$/m);
});
