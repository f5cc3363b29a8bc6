import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { agentOptions } from "../../src/launcher/agent-options.ts";
import { parseFleet } from "../../src/launcher/fleet-file.ts";
import { groupOptions, launchOptions } from "../../src/launcher/options.ts";

const text = readFileSync(new URL("../../docs/launcher.md", import.meta.url), "utf8");
const allFlags = text.slice(text.indexOf("## All flags"));

/** Flags named in the paragraph that begins with these words. */
function flagsOf(heading: string): readonly string[] {
  const paragraph = allFlags.split("\n\n").find((one) => one.startsWith(heading)) ?? "";
  return [...paragraph.matchAll(/`--([\w-]+)`/g)].map((match) => match[1] ?? "");
}

describe("docs/launcher.md", () => {
  test("names every flag, and none that does not exist", () => {
    expect(flagsOf("The servers:")).toEqual([...Object.keys(groupOptions.shape), "args"]);
    expect(flagsOf("The launcher:")).toEqual(Object.keys(launchOptions.shape));
    expect(flagsOf("The agent:")).toEqual(Object.keys(agentOptions.shape));
  });

  test("its fleet.yaml is valid", () => {
    const example = /```yaml\n([\s\S]*?)```/.exec(text)?.[1] ?? "";
    const file = parseFleet(example, "fleet.yaml");
    expect(file.ok ? file.groups.map((group) => group.name) : file.problems).toEqual(["prefill", "decode"]);
  });
});
