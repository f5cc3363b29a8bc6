import { expect, test } from "bun:test";
import { BRANCH_KEYS, FORMER_KEYS, GO_KEYS } from "../../src/config/go-keys.ts";
import { OPTIONS, findOption, parseConfig } from "../../src/config/schema.ts";

test.each([...GO_KEYS])("the Go program's key %s is an option", (path) => {
  expect(findOption(path)).toBeDefined();
});

test("former and branch keys are no options, and former ones lead to an option", () => {
  for (const path of [...Object.keys(FORMER_KEYS), ...BRANCH_KEYS]) expect(findOption(path)).toBeUndefined();
  for (const path of Object.values(FORMER_KEYS)) expect(findOption(path)).toBeDefined();
});

test.each(OPTIONS.map((option) => [option.path, option] as const))("%s is complete", (_path, option) => {
  expect(option.description).toMatch(/^[A-Z`a-z].*\.$/s);
  expect(option.key).toMatch(/^[a-z]+(-[a-z]+)*$/);
  expect(option.check().safeParse(option.defaultValue).success).toBe(true);
});

test("no two options share a flag or a variable", () => {
  const flags = OPTIONS.flatMap(({ flag }) => (flag === null ? [] : [flag]));
  expect(new Set(flags).size).toBe(flags.length);
  expect(new Set(OPTIONS.map(({ variable }) => variable)).size).toBe(OPTIONS.length);
});

test("an empty configuration has the default of every option", () => {
  const config = parseConfig({ server: {}, scheduler: {}, manager: {}, log: {} });
  for (const { section, key, defaultValue } of OPTIONS) {
    expect(new Map<string, unknown>(Object.entries(config[section])).get(key)).toEqual(defaultValue);
  }
});
