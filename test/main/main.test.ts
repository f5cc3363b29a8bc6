import { describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { COMMANDS } from "../../src/commands/index.ts";
import { compiledBinary } from "../support/compiled-binary.ts";

const mainFile = new URL("../../src/main.ts", import.meta.url).pathname;

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function run(
  command: readonly string[],
  options: { readonly cwd?: string; readonly env?: object } = {},
): Promise<Ended> {
  const env = { PATH: process.env["PATH"] ?? "", ...options.env };
  const child = Bun.spawn([...command], { ...options, env, stdout: "pipe", stderr: "pipe", stdin: "ignore" });
  const [stdout, stderr, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  return { code, stdout, stderr };
}

const fromSource = (...args: readonly string[]): Promise<Ended> => run([process.execPath, mainFile, ...args]);

describe("commands", () => {
  test("help lists every command", async () => {
    const { code, stdout } = await fromSource("help");
    expect(code).toBe(0);
    for (const name of Object.keys(COMMANDS)) expect(stdout).toMatch(new RegExp(`^  ${name} `, "m"));
  });

  test.each(Object.entries(COMMANDS))("%s is called by its name and has a summary", async (name, load) => {
    const command = await load();
    expect(command.name).toBe(name);
    expect(command.summary).toMatch(/^[A-Z].*[^.]$/);
  });

  test("a word that is no command is named, with the nearest one", async () => {
    expect(await fromSource("chek", "--port", "1")).toEqual({
      code: 1,
      stdout: "",
      stderr: 'unknown command "chek"; did you mean "check"?\nAll commands: fd-router help\n',
    });
    expect(await fromSource("help", "lunch")).toMatchObject({ code: 1, stderr: expect.stringContaining('"launch"') });
  });

  test("the name of an object's own property is no command", async () => {
    expect(await fromSource("constructor")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("unknown command"),
    });
  });

  test("help COMMAND is COMMAND --help", async () => {
    const [byHelp, byFlag] = await Promise.all([fromSource("help", "check"), fromSource("check", "--help")]);
    expect(byHelp).toEqual(byFlag);
    expect(byHelp.stdout).toStartWith("Usage: fd-router check");
  });

  test.each(Object.keys(COMMANDS))("%s has help", async (name) => {
    const { code, stdout, stderr } = await fromSource("help", name);
    // Go's help goes to stderr, and so does that of `serve`.
    expect(`${stdout}${stderr}`).toContain("Usage");
    expect(code).toBe(0);
  });

  test("flags without a command serve", async () => {
    expect(await fromSource("--prot", "1")).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("flag provided but not defined: -prot\nUsage of fd-router:\n"),
    });
  });
});

describe("the compiled binary", () => {
  test("tells its version, and names itself as it was called", async () => {
    const binary = await compiledBinary();
    expect(await run([binary, "--version"])).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^golang-router\n/),
    });
    expect((await run([binary, "-h"])).stderr).toStartWith(`Usage of ${binary}:\n`);
  });

  test("reads neither .env nor bunfig.toml of the directory it is started in", async () => {
    const binary = await compiledBinary();
    const cwd = await mkdtemp(join(tmpdir(), "fd-router-cwd-"));
    await Bun.write(join(cwd, ".env"), "FD_ROUTER_SERVER_PORT=1\n");
    await Bun.write(join(cwd, "bunfig.toml"), 'preload = ["./nowhere.ts"]\n');
    const { code, stderr } = await run([binary, "check"], { cwd });
    await rm(cwd, { recursive: true });
    expect({ code, stderr }).toMatchObject({ code: 1, stderr: expect.stringContaining("server.port is not set") });
  });

  test("checks a file, its environment and its flags", async () => {
    const binary = await compiledBinary();
    const { code, stdout } = await run([binary, "check", "--print", "--port", "http"], {
      env: { FD_ROUTER_LOG_FORMAT: "json" },
    });
    expect(code).toBe(0);
    expect(stdout).toMatch(/format: "json" +# env FD_ROUTER_LOG_FORMAT$/m);
  });
});
