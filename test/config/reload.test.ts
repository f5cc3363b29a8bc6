import { describe, expect, test } from "bun:test";
import { planReload } from "../../src/config/reload.ts";
import { OPTIONS, parseConfig } from "../../src/config/schema.ts";
import { RESTART_KEYS } from "../../src/config/restart-keys.ts";

const running = parseConfig({ server: { port: "30000" }, scheduler: {}, manager: {}, log: {} });

function plan(text: string, env: Record<string, string> = {}) {
  return planReload(["--config_path", "config.yaml", "--port", "30000"], env, () => text, running);
}

describe("a reload", () => {
  test("names what changes, from what to what", () => {
    const result = plan("scheduler:\n  policy: random\nserver:\n  retries: 3\n");
    expect(result).toMatchObject({
      kind: "change",
      changes: ["server.retries is 3 (was 1)", 'scheduler.policy is "random" (was "p2c")'],
      warnings: [],
      config: { server: { retries: 3, port: "30000" }, scheduler: { policy: "random" } },
    });
  });

  test("changes nothing when the file is as before", () => {
    expect(plan("")).toEqual({ kind: "change", config: running, changes: [], warnings: [] });
  });

  test("keeps what wants a restart, and says where it stands", () => {
    const result = plan("server:\n  workers: 7\n  splitwise: true\n  retries: 0\n");
    expect(result).toMatchObject({ kind: "change", changes: ["server.retries is 0 (was 1)"] });
    expect(result.kind === "change" && result.warnings).toEqual([
      "config.yaml:3:14: server.splitwise is true, which wants a restart; going on with false",
      "config.yaml:2:12: server.workers is 7, which wants a restart; going on with 0",
    ]);
    expect(result.kind === "change" && result.config).toEqual({
      ...running,
      server: { ...running.server, retries: 0 },
    });
  });

  test("flags and variables go before the file as they did at the start", () => {
    const result = plan("server:\n  port: 1\nlog:\n  level: warn\n", { FD_ROUTER_LOG_LEVEL: "debug" });
    expect(result).toMatchObject({ changes: ['log.level is "debug" (was "info")'], warnings: [] });
  });

  test("a secret is not shown", () => {
    const result = plan("manager:\n  registration-token: hunter2\n");
    expect(JSON.stringify(result.kind === "change" && result.warnings)).not.toContain("hunter2");
    expect(result.kind === "change" && result.warnings).toHaveLength(1);
  });

  test.each([
    ["scheduler:\n  policy: [a]\n", "config.yaml:2:11: "],
    ["server:\n  retries: 99\n", "config.yaml:2:12: server.retries is 99, wanted a whole number from 0 to 10"],
    ["server: {\n", "config.yaml:"],
  ])("the file %p changes nothing and is told with its place", (text, place) => {
    const result = plan(text);
    expect(result.kind).toBe("invalid");
    expect(result.kind === "invalid" && result.problems[0]).toStartWith(place);
  });

  test("a file that cannot be read changes nothing", () => {
    const missing = (): string => {
      throw Object.assign(new Error("ENOENT"), { code: "ENOENT" });
    };
    const result = planReload(["--config_path", "gone.yaml"], {}, missing, running);
    expect(result).toMatchObject({ kind: "invalid", problems: [expect.stringContaining("gone.yaml")] });
  });

  test("every key that wants a restart is an option", () => {
    const paths = new Set(OPTIONS.map(({ path }) => path));
    expect([...RESTART_KEYS].filter((path) => !paths.has(path))).toEqual([]);
  });
});
