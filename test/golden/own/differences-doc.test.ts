import { expect, test } from "bun:test";
import { RULES } from "../differences.ts";

test("docs/differences.md has every meant difference", async () => {
  const text = await Bun.file(new URL("../../../docs/differences.md", import.meta.url)).text();
  const told = new Set([...text.matchAll(/^- \*\*(.+?)\.?\*\*/gm)].map((match) => match[1]?.replaceAll("`", "")));
  expect([...new Set(RULES.map(({ name }) => name))].filter((name) => !told.has(name))).toEqual([]);
});
