/** Flags, configuration files, signals and log files, as scripts and service files use them. */
import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync, readlinkSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { compiledBinary } from "../../support/compiled-binary.ts";
import { freePort, RouterProcess } from "../router.ts";

async function start(args: readonly string[], files: Readonly<Record<string, string>> = {}): Promise<RouterProcess> {
  const environment = { FD_ROUTER_SERVER_WORKERS: "1" };
  return new RouterProcess({ binary: await compiledBinary(), args, environment, files, merged: false });
}

describe("ends at once", () => {
  test.each<[args: readonly string[], files: Readonly<Record<string, string>>, code: number, stderr: RegExp]>([
    [["-h"], {}, 0, /^Usage of \.\/fd-router:\n {2}-V\tprint version info \(shorthand\)\n/],
    [["--help"], {}, 0, /^Usage of/],
    [["--foo"], {}, 2, /^flag provided but not defined: -foo\nUsage of/],
    [["--port"], {}, 2, /^flag needs an argument: -port\n/],
    [["--splitwise=x"], {}, 2, /^invalid boolean value "x" for -splitwise: parse error\n/],
    [["---port", "1"], {}, 2, /^bad flag syntax: ---port\n/],
    [["-=x"], {}, 2, /^bad flag syntax: -=x\n/],
    [[], {}, 1, /Failed to load config: failed to set router listen port\n$/],
    [["--port="], {}, 1, /failed to set router listen port/],
    [["--config_path", "nope.yaml"], {}, 1, /failed to read config file: open nope\.yaml: no such file or directory/],
    [["--config_path", "config"], {}, 1, /failed to read config file: read config: is a directory/],
    [["--port", "abc"], {}, 1, /Failed to start server: listen tcp: (?:address|lookup) tcp\/abc: unknown port/],
    [["--port", "65536"], {}, 1, /Failed to start server: listen tcp: address 65536: invalid port/],
    [["--port", "-1"], {}, 1, /Failed to start server: listen tcp: address -1: invalid port/],
    [
      ["--config_path", "c"],
      { c: 'server:\n  splitwise: "true"\n' },
      1,
      /line 2: cannot unmarshal !!str `true` into bool/,
    ],
    [
      ["--config_path", "c"],
      { c: "scheduler:\n  balance-abs-threshold: abc\n" },
      1,
      /line 2: cannot unmarshal !!str `abc` into float64/,
    ],
    [
      ["--config_path", "c"],
      { c: "server:\n  port: 1\n  port: 2\n" },
      1,
      /Failed to load config: failed to parse config: yaml: /,
    ],
    [["--config_path", "c"], { c: "a: [\n" }, 1, /Failed to load config: failed to parse config: yaml: /],
    [
      ["--port", "1", "--config_path", "c"],
      { c: "log:\n  output: file\n", logs: "" },
      1,
      /Failed to create rotating log writer: open logs\/router\.log: not a directory/,
    ],
    [
      ["--port", "1", "--config_path", "c"],
      { c: "log:\n  output: file\n", "logs/router.log/x": "" },
      1,
      /open logs\/router\.log: is a directory/,
    ],
  ])("%j %j: status %d", async (args, files, code, stderr) => {
    const router = await start(args, files);
    try {
      expect(await router.ended(10_000)).toBe(code);
      expect(router.stderr).toMatch(stderr);
    } finally {
      await router.dispose();
    }
  });

  test("--version has Go's lines", async () => {
    const router = await start(["--version", "--foo"]);
    const plain = await start(["-V"]);
    try {
      expect(await router.ended(10_000)).toBe(2);
      expect(await plain.ended(10_000)).toBe(0);
      expect(plain.stdout).toMatch(
        /^golang-router\n {2}version: {3}\S+\n {2}commit: {4}\S+\n {2}dirty: {5}\S+\n {2}vcsTime: {3}\S+\n {2}module: {4}\S+/,
      );
    } finally {
      await Promise.all([router.dispose(), plain.dispose()]);
    }
  });

  test("a port in use", async () => {
    const blocker = Bun.listen({ hostname: "0.0.0.0", port: 0, socket: { data: () => undefined } });
    const router = await start(["--port", String(blocker.port)]);
    try {
      expect(await router.ended(10_000)).toBe(1);
      expect(router.stdout).toContain(`Starting server on :${blocker.port}`);
      expect(router.stderr).toContain(
        `Failed to start server: listen tcp :${blocker.port}: bind: address already in use`,
      );
    } finally {
      blocker.stop(true);
      await router.dispose();
    }
  });
});

describe("starts all the same, and warns (B21)", () => {
  test.each<[yaml: string, warning: RegExp]>([
    ["server:\n  mode: prod\n", /server\.mode is "prod", wanted one of debug, release, test/],
    ["scheduler:\n  policy: nope\n", /scheduler\.policy is "nope", wanted one of/],
    ["scheduler:\n  stats-interval-secs: -1\n", /scheduler\.stats-interval-secs is -1/],
    ["manager:\n  health-check-interval-secs: -5\n", /manager\.health-check-interval-secs is -5/],
    ["manager:\n  health-check-interval-secs: .nan\n", /manager\.health-check-interval-secs/],
    ["log:\n  level: loud\n", /log\.level is "loud"/],
    ["server:\n  prot: 1\n", /unknown key server\.prot/],
    ["scheduler:\n  cache-block-size: -4\n", /scheduler\.cache-block-size is -4/],
  ])("%j", async (yaml, warning) => {
    const port = await freePort();
    const router = await start(["--config_path", "c.yaml", "--port", String(port)], { "c.yaml": yaml });
    try {
      expect(await router.listens(port, 15_000)).toBe(true);
      await sleep(100);
      expect(router.stdout).toMatch(warning);
    } finally {
      await router.dispose();
    }
  });
});

describe("signals (B34)", () => {
  test.each<NodeJS.Signals>(["SIGTERM", "SIGINT"])("%s ends it with status 0", async (signal) => {
    const port = await freePort();
    const router = await start(["--port", String(port)]);
    try {
      expect(await router.listens(port, 15_000)).toBe(true);
      router.signal(signal);
      expect(await router.ended(8000)).toBe(0);
    } finally {
      await router.dispose();
    }
  });

  test.each<NodeJS.Signals>(["SIGHUP", "SIGPIPE", "SIGUSR1"])("%s does not end it", async (signal) => {
    const port = await freePort();
    const router = await start(["--port", String(port)]);
    try {
      expect(await router.listens(port, 15_000)).toBe(true);
      router.signal(signal);
      expect(await router.ended(300)).toBeNull();
    } finally {
      await router.dispose();
    }
  });
});

describe("log.output: file (B36)", () => {
  test("writes the file of the day, links to it, and overwrites nothing", async () => {
    const port = await freePort();
    const files = {
      "c.yaml": "log:\n  output: file\n  cleanup-interval-secs: 0.1\n",
      "logs/router.log": "old line\n",
      "logs/router-2020-01-01.log": "long ago\n",
      "logs/router-2020-13-01.log": "odd name\n",
      "logs/other.log": "x\n",
    };
    const router = await start(["--config_path", "c.yaml", "--port", String(port)], files);
    const logs = `${router.folder}/logs`;
    try {
      expect(await router.listens(port, 15_000)).toBe(true);
      await sleep(300);
      const today = readlinkSync(`${logs}/router.log`);
      expect(today).toMatch(/^router-\d{4}-\d\d-\d\d\.log$/);
      expect(readFileSync(`${logs}/router.log`, "utf8")).toMatch(/^old line\n\[INFO\] [^]*Starting server on :/);
      expect(existsSync(`${logs}/router-2020-01-01.log`)).toBe(false);
      expect(existsSync(`${logs}/router-2020-13-01.log`)).toBe(true);
      expect(existsSync(`${logs}/other.log`)).toBe(true);
      expect(router.stdout).toBe("");
    } finally {
      await router.dispose();
    }
  });
});
