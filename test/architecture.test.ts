/** House rules on the shape of the tree that lint cannot see: who may import whom, no cycles, names. */
import { expect, test } from "bun:test";
import { dirname, join, normalize } from "node:path";

/** May be imported by every part; they import lib only, and lib nothing of ours. */
const SHARED = ["lib", "errors.ts", "log", "metrics"];

/** Part -> the parts that it may import beside the shared ones. A part is a folder of src, or a file in it. */
const ARROWS: Readonly<Record<string, readonly string[] | "all">> = {
  "main.ts": ["commands"],
  commands: "all",
  config: [],
  admin: ["registry", "worker", "fleet"],
  worker: ["front", "proxy", "upstream", "scheduler", "fleet"],
  front: ["proxy", "upstream"],
  proxy: ["upstream", "scheduler", "fleet"],
  upstream: [],
  scheduler: ["fleet"],
  registry: ["registration", "fleet"],
  launcher: ["registration", "fleet", "systemd"],
  "mock-engine": ["registration", "fleet"],
  demo: ["upstream", "mock-engine"],
  registration: ["fleet"],
  fleet: [],
  systemd: ["fleet"],
  lib: [],
  "errors.ts": [],
  log: [],
  metrics: [],
};

/** config/ is made from the parts' option schemas: these files of theirs it may import. */
const OPTION_SCHEMA = /^[a-z-]+\/options\.ts$/;

const BANNED_NAMES = /^(utils?|misc|managers?|helpers?|data|infos?)$/;

interface Import {
  readonly from: string;
  readonly to: string;
  /** Loaded when asked for: an arrow, but no cycle. */
  readonly late: boolean;
}

const src = new URL("../src/", import.meta.url).pathname;
const files = await Array.fromAsync(new Bun.Glob("**/*.{ts,tsx}").scan({ cwd: src }));
const texts = new Map(await Promise.all(files.map(async (file) => [file, await Bun.file(src + file).text()] as const)));
const imports = [...texts].flatMap(([file, text]) => findImports(file, text));

test("imports follow the arrows", () => {
  expect(imports.filter((each) => !isAllowed(each)).map(({ from, to }) => `${from} -> ${to}`)).toEqual([]);
});

test("the arrows themselves have no cycle", () => {
  const edges = Object.entries(ARROWS).flatMap(([from, to]) =>
    to === "all" ? [] : to.map((part) => ({ from, to: part })),
  );
  expect(findCycle(edges)).toBeNull();
});

test("no file imports itself by way of others", () => {
  expect(findCycle(imports.filter(({ late }) => !late))).toBeNull();
});

test("every part is in the table of arrows", () => {
  expect([...new Set(files.map(partOf))].filter((part) => !(part in ARROWS))).toEqual([]);
});

test("no file or folder has a name that says nothing", () => {
  const named = files.filter((file) => file.split(/[/.-]/).some((word) => BANNED_NAMES.test(word)));
  expect(named).toEqual([]);
});

test("every file begins with what it is for", () => {
  const silent = [...texts].filter(([, text]) => !/^(#!.*\n)?\/\*\*/.test(text)).map(([file]) => file);
  expect(silent).toEqual([]);
});

test("the rules see what they are to find", () => {
  const text = `import { a } from "../proxy/a.ts";\nimport type {\n  B,\n} from "./b.ts";\nexport * from "../lib/c.ts";
const d = await import("../worker/d.ts");\nnew Worker(new URL("./e.ts", import.meta.url));\nimport f from "../../package.json";`;
  expect(findImports("registry/x.ts", text).map(({ to }) => to)).toEqual([
    "proxy/a.ts",
    "registry/b.ts",
    "lib/c.ts",
    "worker/d.ts",
    "registry/e.ts",
    "../package.json",
  ]);
  const arrow = (from: string, to: string): boolean => isAllowed({ from, to, late: false });
  expect([
    arrow("registry/x.ts", "proxy/a.ts"),
    arrow("lib/x.ts", "fleet/a.ts"),
    arrow("log/x.ts", "metrics/a.ts"),
  ]).toEqual([false, false, false]);
  expect([arrow("config/schema.ts", "proxy/options.ts"), arrow("config/schema.ts", "proxy/handle.ts")]).toEqual([
    true,
    false,
  ]);
  const ring = ["a", "b", "c", "a"].flatMap((from, i, all) =>
    all[i + 1] === undefined ? [] : [{ from, to: all[i + 1] ?? "" }],
  );
  expect(findCycle(ring)).toEqual(["a", "b", "c", "a"]);
});

function findImports(file: string, text: string): readonly Import[] {
  const pattern =
    /\b(?:import|export)\b[^;"]*?\bfrom\s*"(\.[^"]+)"|\bimport\s*"(\.[^"]+)"|\bimport\(\s*"(\.[^"]+)"|\bnew Worker\(\s*new URL\(\s*"(\.[^"]+\.tsx?)"/g;
  return [...text.matchAll(pattern)].map((match) => {
    const target = match[1] ?? match[2] ?? match[3] ?? match[4] ?? "";
    return {
      from: file,
      to: normalize(join(dirname(file), target)),
      late: match[3] !== undefined || match[4] !== undefined,
    };
  });
}

function isAllowed({ from, to }: Import): boolean {
  if (to.startsWith("..")) return to === "../package.json";
  const [source, target] = [partOf(from), partOf(to)];
  if (source === target) return true;
  if (SHARED.includes(source)) return target === "lib" && source !== "lib";
  if (SHARED.includes(target)) return true;
  if (source === "config" && OPTION_SCHEMA.test(to)) return true;
  const targets = ARROWS[source] ?? [];
  return targets === "all" ? target !== "main.ts" : targets.includes(target);
}

function partOf(file: string): string {
  return file.split("/")[0] ?? file;
}

/** The nodes of one cycle, first and last the same; null when there is none. */
function findCycle(edges: readonly { readonly from: string; readonly to: string }[]): readonly string[] | null {
  const next = Map.groupBy(edges, ({ from }) => from);
  const done = new Set<string>();
  const visit = (node: string, path: readonly string[]): readonly string[] | null => {
    if (path.includes(node)) return [...path.slice(path.indexOf(node)), node];
    if (done.has(node)) return null;
    for (const { to } of next.get(node) ?? []) {
      const cycle = visit(to, [...path, node]);
      if (cycle !== null) return cycle;
    }
    done.add(node);
    return null;
  };
  for (const start of next.keys()) {
    const cycle = visit(start, []);
    if (cycle !== null) return cycle;
  }
  return null;
}
