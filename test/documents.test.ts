/** What documents and comments name must exist: files, headings, keys of the configuration, metrics. */
import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { OPTIONS } from "../src/config/schema.ts";
import { METRICS } from "../src/metrics/catalog.ts";

const root = new URL("..", import.meta.url).pathname;
const read = (path: string): string => readFileSync(join(root, path), "utf8");
const files = (pattern: string): readonly string[] => [...new Bun.Glob(pattern).scanSync({ cwd: root })].toSorted();

const DOCUMENTS = ["README.md", "CHANGELOG.md", ...files("docs/*.md")];
const SOURCES = files("{src,bench,scripts,test}/**/*.ts");
const KEYS = new Set(
  OPTIONS.flatMap(({ section, path, formerKeys }) => [path, ...formerKeys.map((key) => `${section}.${key}`)]),
);
const METRIC_NAMES = new Set(Object.values(METRICS).map(({ name }) => name));

describe.each(DOCUMENTS)("%s", (path) => {
  const text = read(path);
  const matches = (pattern: RegExp): readonly (readonly string[])[] => [...text.matchAll(pattern)];

  test("links to files and headings that exist", () => {
    const targets = matches(/\]\((?!https?:)([^)\s]+)\)/g).map(([, target = ""]) => target);
    expect(targets.filter((target) => !isThere(path, target))).toEqual([]);
  });

  test("names files of this tree that exist", () => {
    const named = matches(/`((?:src|test|bench|scripts|docs|packaging)\/[\w.*/-]+)`/g).map(([, name = ""]) => name);
    expect(named.filter((name) => !existsSync(join(root, name)) && files(name).length === 0)).toEqual([]);
  });

  test("names keys of the configuration that exist", () => {
    const named = matches(/`((?:server|scheduler|manager|log)\.[a-z][a-z-]+)[:`]/g).map(([, name = ""]) => name);
    expect(named.filter((name) => !KEYS.has(name))).toEqual([]);
  });

  test("names metrics that exist", () => {
    const named = matches(
      /`((?:fd_router|process|http|inference|router)_[a-z_]+_(?:total|seconds|bytes|requests|load))/g,
    );
    expect(named.map(([, name = ""]) => name).filter((name) => !METRIC_NAMES.has(name))).toEqual([]);
  });
});

test("comments name files that exist", () => {
  const known = [...SOURCES, ...DOCUMENTS];
  const missing = SOURCES.flatMap((path) =>
    commentsOf(read(path)).flatMap((comment) =>
      [...comment.matchAll(/(?<![\w<>./-])[\w./-]*[\w-]+\.(?:ts|md)\b/g)]
        .map(([name]) => name.replace(/^(?:\.{1,2}\/)+/, ""))
        .filter((name) => !known.some((file) => file === name || file.endsWith(`/${name}`)))
        .map((name) => `${path}: ${name}`),
    ),
  );
  expect(missing).toEqual([]);
});

function isThere(from: string, target: string): boolean {
  const [path = "", heading] = target.split("#");
  const file = path === "" ? from : join(dirname(from), path);
  return existsSync(join(root, file)) && (heading === undefined || headingsOf(read(file)).has(heading));
}

/** As anchors of links to them. */
function headingsOf(text: string): ReadonlySet<string> {
  const titles = [...text.matchAll(/^#+ (.+)$/gm)].map(([, title = ""]) => title);
  return new Set(
    titles.map((title) =>
      title
        .toLowerCase()
        .replaceAll(/[^\w\- ]/g, "")
        .replaceAll(" ", "-"),
    ),
  );
}

function commentsOf(source: string): readonly string[] {
  return [...source.matchAll(/\/\*\*[\s\S]*?\*\/|^\s*\/\/.*$/gm)].map(([comment]) => comment);
}
