/** The house rules that .oxlintrc.json holds: each is seen to fire on a file that breaks it, in a tree of its own. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { copyFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

const root = new URL("..", import.meta.url).pathname;

/** File -> lines that break a rule, and the rule each one is to be reported for. */
const OFFENCES: Readonly<Record<string, readonly (readonly [line: string, rule: string])[]>> = {
  "src/scheduler/policies/core.ts": [
    ['import { readFileSync } from "node:fs";', "no-restricted-imports"],
    ["export const a = Date.now();", "no-restricted-globals"],
    ["export const b = new Date();", "no-restricted-globals"],
    ["export const c = performance.now();", "no-restricted-globals"],
    ["export const d = Math.random();", "no-restricted-properties"],
    ['export const e = process.env["X"];', "no-restricted-globals"],
    ["export const f = setTimeout(() => {}, 1);", "no-restricted-globals"],
    ["export const g = setInterval(() => {}, 1);", "no-restricted-globals"],
    ["export const h = Bun.nanoseconds();", "no-restricted-globals"],
    ["export const i = crypto.randomUUID();", "no-restricted-globals"],
    ['export const j = fetch("x");', "no-restricted-globals"],
    ["export const k = globalThis.setTimeout;", "no-restricted-globals"],
    ['export const l = readFileSync("x");', ""],
  ],
  "src/registry/registry.ts": [["export const a = Date.now();", "no-restricted-globals"]],
  "src/proxy/retry.ts": [["export const a = Math.random();", "no-restricted-properties"]],
  "src/launcher/plan.ts": [['export const a = process.env["X"];', "no-restricted-globals"]],
  "src/proxy/BadName.ts": [["export const a = 1;", "filename-case"]],
  "src/proxy/shapes.ts": [
    ["export const a: any = 1;", "no-explicit-any"],
    ["export const b = (x: string | null) => x!;", "no-non-null-assertion"],
    [
      "export function c(p: number, q: number, r: number, s: number, t: number) {return p + q + r + s + t}",
      "max-params",
    ],
    ["export default 1;", "no-default-export"],
    ['import fs from "fs"; export const d = fs;', "prefer-node-protocol"],
    ["export const e = d == a;", "eqeqeq"],
  ],
  "src/proxy/long-function.ts": [["export function a() {", "max-lines-per-function"], ...blank(50), ["}", ""]],
  "src/proxy/long-file.ts": [["export const a = 1;", ""], ...blank(399), ["export const b = 1;", "max-lines"]],
  "src/proxy/fine.ts": [
    ["export const a = Date.now() + performance.now() + Math.random();", ""],
    ['export const b = [setTimeout(() => {}, 1), process.env["X"], Bun.nanoseconds()];', ""],
    ["export function c(p: number, q: number, r: number, s: number) {return p + q + r + s}", ""],
    ...blank(397),
  ],
};

let tree = "";
const reports = new Map<string, string[]>();

beforeAll(async () => {
  tree = await mkdtemp(join(tmpdir(), "fd-router-lint-"));
  await copyFile(join(root, ".oxlintrc.json"), join(tree, ".oxlintrc.json"));
  for (const [file, lines] of Object.entries(OFFENCES)) {
    await Bun.write(join(tree, file), `${lines.map(([line]) => line).join("\n")}\n`);
  }
  const lint = Bun.spawn([join(root, "node_modules/.bin/oxlint"), "--format=unix", "src"], {
    cwd: tree,
    stdout: "pipe",
  });
  const output = await lint.stdout.text();
  const places = [...output.matchAll(/^(.+?):(\d+):\d+: .*\[Error\/[a-z-]+\((.+)\)\]$/gm)];
  for (const [, file, line, rule = ""] of places) {
    const place = `${file}:${line}`;
    reports.set(place, [...(reports.get(place) ?? []), rule]);
  }
});

afterAll(() => rm(tree, { recursive: true }));

test.each(
  Object.entries(OFFENCES).flatMap(([file, lines]) =>
    lines.flatMap(([line, rule], i) => (rule === "" ? [] : [[rule, line, file, i + 1] as const])),
  ),
)("%s fires on %s in %s", (rule, _text, file, line) => {
  const anywhere = [...reports].flatMap(([place, rules]) => (place.startsWith(`${file}:`) ? rules : []));
  const found = rule === "max-lines" || rule === "filename-case" ? anywhere : (reports.get(`${file}:${line}`) ?? []);
  expect(found).toContain(rule);
});

test("nothing fires on a file at the limits, outside the deterministic core", () => {
  expect([...reports.keys()].filter((place) => place.startsWith("src/proxy/fine.ts"))).toEqual([]);
});

function blank(count: number): readonly (readonly [string, string])[] {
  return Array.from({ length: count }, () => ["", ""] as const);
}
