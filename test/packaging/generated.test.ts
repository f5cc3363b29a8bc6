import { describe, expect, test } from "bun:test";
import { checkConfig } from "../../src/config/check-config.ts";
import { parseConfigFile } from "../../src/config/file.ts";
import { OPTIONS } from "../../src/config/schema.ts";
import { COMMANDS } from "../../src/commands/index.ts";
import { commandLines } from "../../scripts/package/command-lines.ts";
import { bashCompletion, fishCompletion, zshCompletion } from "../../scripts/package/completions.ts";
import { packagedConfig } from "../../scripts/package/config-file.ts";
import { manPage } from "../../scripts/package/man-page.ts";

const commands = await commandLines();
const flagsOf = (command: string) => commands.find(({ name }) => name === command)?.flags ?? [];

async function run(command: readonly string[], input: string): Promise<{ code: number; output: string }> {
  const child = Bun.spawn([...command], { stdin: new Blob([input]), stdout: "pipe", stderr: "pipe" });
  const [out, err, code] = await Promise.all([child.stdout.text(), child.stderr.text(), child.exited]);
  return { code, output: out + err };
}

describe("the packaged config.yaml", () => {
  test("is accepted without a warning, as it is", () => {
    const checked = checkConfig(["--strict", "config.yaml"], {}, packagedConfig, "fd-router");
    expect(checked).toMatchObject({ code: 0, stderr: "config.yaml: ok (2 options set)\n" });
  });

  test("has every key with its default, which is accepted when the line is uncommented", () => {
    const text = packagedConfig().replaceAll(/^ {2}#(?! )/gm, "  ");
    const parsed = parseConfigFile(text, "config.yaml", "sections");
    if (parsed.kind !== "contents") throw new Error(parsed.problem.text);
    expect(parsed.contents.problems).toEqual([]);
    for (const { path, defaultValue, key } of OPTIONS) {
      expect(text).toMatch(new RegExp(`^  ${key}: `, "m"));
      const value = parsed.contents.values.get(path);
      // Empty text is as good as none; two keys have another value than their default.
      if (value === undefined) expect(defaultValue).toBe("");
      else if (path !== "server.port" && path !== "manager.saved-table-path") expect(value.value).toEqual(defaultValue);
    }
  });

  test("has no line that is too long to read in a terminal of 110 columns", () => {
    expect(
      packagedConfig()
        .split("\n")
        .filter((line) => line.length > 120),
    ).toEqual([]);
  });
});

describe("the table of commands", () => {
  test("has every command, and the flags of every option", () => {
    expect(commands.map(({ name }) => name)).toEqual(Object.keys(COMMANDS));
    const names = new Set(flagsOf("serve").map(({ name }) => name));
    expect(OPTIONS.filter(({ flag }) => flag !== null && !names.has(flag))).toEqual([]);
    expect(flagsOf("launch").map(({ name }) => name)).toContain("fleet");
    expect(flagsOf("mock-engine").map(({ name }) => name)).toContain("fault");
  });
});

describe("completions", () => {
  test("bash: commands, flags, values and files", async () => {
    const script = bashCompletion(commands);
    const complete = async (...words: readonly string[]): Promise<string[]> => {
      const list = words.map((word) => JSON.stringify(word)).join(" ");
      const call = `COMP_WORDS=(${list}); COMP_CWORD=${words.length - 1}; _fd_router; printf '%s\\n' "\${COMPREPLY[@]}"`;
      const { code, output } = await run(["bash"], `${script}\n${call}\n`);
      expect(code).toBe(0);
      return output.trim().split("\n");
    };
    expect(await complete("fd-router", "la")).toEqual(["launch"]);
    expect(await complete("fd-router", "--prefill")).toEqual(["--prefill-policy"]);
    expect(await complete("fd-router", "serve", "--policy", "rou")).toEqual(["round_robin"]);
    expect(await complete("fd-router", "--policy", "rou")).toEqual(["round_robin"]);
    expect(await complete("fd-router", "check", "--pri")).toEqual(["--print"]);
    expect(await complete("fd-router", "serve", "--config_path", "/etc/host")).toContain("/etc/hosts");
  });

  test.each([
    ["zsh", zshCompletion(commands), ["zsh", "-n"]],
    ["fish", fishCompletion(commands), ["fish", "--no-execute"]],
  ] as const)("%s: every command and flag, in a script that the shell can read", async (shell, script, check) => {
    for (const { name, flags } of commands) {
      expect(script).toContain(name);
      for (const flag of flags) expect(script).toContain(flag.name);
    }
    // Where the shell is not installed its own check is left out.
    if (Bun.which(shell) !== null) expect(await run(check, script)).toEqual({ code: 0, output: "" });
  });
});

describe("the man page", () => {
  const page = manPage(commands, "1.2.3", "2026-11-25");

  test("has every command and option", () => {
    for (const { name } of commands) expect(page).toContain(`.B ${name.replaceAll("-", "\\-")}\n`);
    for (const { path } of OPTIONS) expect(page).toContain(`.B ${path.replaceAll("-", "\\-")}\n`);
  });

  test("has no line of text that roff takes for a request", () => {
    const requests = /^\.(\\"|TH|SH|TP|B|I|BR|RI|PP)( |$)/;
    expect(page.split("\n").filter((line) => /^['.]/.test(line) && !requests.test(line))).toEqual([]);
  });

  test.skipIf(Bun.which("groff") === null)("is formatted by groff without a warning", async () => {
    const { code, output } = await run(["groff", "-man", "-Tutf8", "-ww", "-z"], page);
    expect({ code, output }).toEqual({ code: 0, output: "" });
  });
});
