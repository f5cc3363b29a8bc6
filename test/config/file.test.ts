import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { formatProblem } from "../../src/config/explain.ts";
import { parseConfigFile } from "../../src/config/file.ts";
import type { FileContents, FileLayout } from "../../src/config/file.ts";
import { OPTIONS, SECTIONS } from "../../src/config/schema.ts";

function read(source: string, layout: FileLayout = "sections"): FileContents {
  const result = parseConfigFile(source, "c.yaml", layout);
  if (result.kind !== "contents") throw new Error(formatProblem(result.problem));
  return result.contents;
}

const valuesOf = (contents: FileContents): Record<string, unknown> =>
  Object.fromEntries([...contents.values].map(([path, { value }]) => [path, value]));

describe("values", () => {
  test("scalars get the type of their option, and keep their place", () => {
    const { values, problems, warnings } = read(
      "server:\n  port: 8080\n  splitwise: yes\nscheduler:\n  eviction-interval-secs: 1e2\nmanager:\n  health-check-endpoint: 5\n",
    );
    expect({ problems, warnings }).toEqual({ problems: [], warnings: [] });
    expect(Object.fromEntries([...values].map(([path, { value }]) => [path, value]))).toEqual({
      "server.port": "8080",
      "server.splitwise": true,
      "scheduler.eviction-interval-secs": 100,
      "manager.health-check-endpoint": "5",
    });
    expect(values.get("server.splitwise")?.position).toEqual({ file: "c.yaml", line: 3, column: 14, width: 3 });
  });

  test.each([
    "",
    " ",
    "# only a comment\n",
    "null\n",
    "server: null\nscheduler:\nmanager: ~\n",
    "server:\n  port:\n  splitwise: null\n",
    "\uFEFF",
  ])("%j holds nothing and is no mistake", (source) => {
    expect(read(source)).toEqual({ values: new Map(), problems: [], warnings: [] });
  });

  test("flow style, a byte-order mark, anchors and merge keys work; later documents do not count", () => {
    expect(valuesOf(read('\uFEFF{"server":{"splitwise":true}}'))).toEqual({ "server.splitwise": true });
    const merged = read(
      "log: &l\n  level: warn\nserver:\n  port: &p 81\n  host: *p\n  <<: {port: 1, mode: test}\n---\nlog: {level: debug}\n",
    );
    expect(valuesOf(merged)).toEqual({
      "log.level": "warn",
      "server.port": "81",
      "server.host": "81",
      "server.mode": "test",
    });
  });

  test("the early name of a key works", () => {
    expect(valuesOf(read("scheduler:\n  interval-cleanup-secs: 7\n"))).toEqual({
      "scheduler.eviction-interval-secs": 7,
    });
  });

  test("a value in range by its own right stays, 0 included", () => {
    expect(valuesOf(read("scheduler:\n  load-balance-weight: 0\n"))).toEqual({ "scheduler.load-balance-weight": 0 });
  });
});

describe("mistakes that stop the start, in the Go program's words", () => {
  test.each([
    ["- a\n", "line 1: cannot unmarshal !!seq into config.Config"],
    ["text\n", "line 1: cannot unmarshal !!str `text` into config.Config"],
    ["server:\n  port: 1\n  port: 2\n", 'line 3: mapping key "port" already defined at line 2'],
    ['server:\n  splitwise: "true"\n', "line 2: cannot unmarshal !!str `true` into bool"],
    ["server:\n  splitwise: 1\n", "line 2: cannot unmarshal !!int `1` into bool"],
    ["server:\n  splitwise: []\n", "line 2: cannot unmarshal !!seq into bool"],
    ["server:\n  port: {}\n", "line 2: cannot unmarshal !!map into string"],
    ["scheduler:\n  hit-ratio-weight: x\n", "line 2: cannot unmarshal !!str `x` into float64"],
    ['scheduler:\n  cache-block-size: "4"\n', "line 2: cannot unmarshal !!str `4` into int"],
  ])("%j: %s", (source, goText) => {
    expect(read(source).problems.map((problem) => problem.goText)).toEqual([goText]);
  });

  test("and in ours, with place, value and what was wanted", () => {
    const { problems } = read('server:\n  workers: -3\n  splitwise: "true"\nlog:\n  format: jsom\n');
    expect(problems.map(formatProblem)).toEqual([
      "c.yaml:2:12: server.workers is -3, wanted a whole number from 0 to 1024",
      'c.yaml:3:14: server.splitwise is "true", wanted true or false, without quotes',
      'c.yaml:5:11: log.format is "jsom", wanted one of go, json, pretty; did you mean "json"?',
    ]);
  });

  test.each([
    ["a: b: c\n", "mapping values are not allowed in this context"],
    ["server:\n\tport: 1\n", "line 2: found character that cannot start any token"],
    ["server: *nowhere\n", "unknown anchor 'nowhere' referenced"],
  ])("%j is no YAML: %s", (source, goText) => {
    expect(parseConfigFile(source, "c.yaml", "sections")).toMatchObject({ kind: "syntax-error", problem: { goText } });
  });
});

test("of a list, the item that is wrong is named", () => {
  const source = "manager:\n  allow-cidrs: [10.0.0.0/8, nowhere]\n";
  expect(read(source).problems.map(formatProblem)).toEqual([
    'c.yaml:2:16: manager.allow-cidrs is "nowhere", wanted an address range like 10.0.0.0/8',
  ]);
});

describe("what the Go program let pass becomes the default", () => {
  test.each([
    "server:\n  mode: prod\n",
    "scheduler:\n  policy: nope\n",
    "scheduler:\n  policy: 5\n",
    "scheduler:\n  stats-interval-secs: -1\n",
    "scheduler:\n  stats-interval-secs: .inf\n",
    "scheduler:\n  stats-interval-secs: .nan\n",
    "manager:\n  health-check-interval-secs: -1\n",
    "log:\n  output: FILE\n",
  ])("with a warning: %j", (source) => {
    const { values, problems, warnings } = read(source);
    expect(valuesOf({ values, problems, warnings })).toEqual({});
    expect(problems).toEqual([]);
    expect(warnings).toHaveLength(1);
  });

  test.each([
    "server:\n  mode: ''\n",
    "scheduler:\n  policy: ''\n",
    "scheduler:\n  cache-block-size: 0\n",
    "scheduler:\n  stats-interval-secs: 0\n",
    "log:\n  cleanup-interval-secs: 0\n",
    "log:\n  max-age-days: 0\n",
  ])("without one, as documented: %j", (source) => {
    expect(read(source)).toEqual({ values: new Map(), problems: [], warnings: [] });
  });

  test("a choice in other letters is understood", () => {
    const contents = read("log:\n  level: WARN\n");
    expect(valuesOf(contents)).toEqual({ "log.level": "warn" });
    expect(contents.warnings.map(formatProblem)).toEqual(['c.yaml:2:10: log.level is "WARN", read as "warn"']);
  });
});

describe("unknown keys are ignored with a warning", () => {
  test.each([
    ["server:\n  prot: 1\n", 'c.yaml:2:3: unknown key server.prot is ignored; did you mean "server.port"?'],
    ["port: 1\n", 'c.yaml:1:1: unknown key port is ignored; did you mean "server.port"?'],
    ["log:\n  policy: p2c\n", 'c.yaml:2:3: unknown key log.policy is ignored; did you mean "scheduler.policy"?'],
    ["other: {x: 1}\n", "c.yaml:1:1: unknown key other is ignored"],
    [
      "manager:\n  queue-threshold: 1\n",
      "c.yaml:2:3: unknown key manager.queue-threshold (known to some builds of the Go program, without meaning here) is ignored",
    ],
  ])("%j: %s", (source, warning) => {
    expect(read(source).warnings.map(formatProblem)).toEqual([warning]);
  });
});

describe("the Python router's flat file", () => {
  const source = "host: 127.0.0.1\nport: 9000\nsplitwise: true\nrequest_timeout_secs: 600\npreempt_retry_count: 3\n";

  test("is read where it may stand", () => {
    const contents = read(source, "any");
    expect(valuesOf(contents)).toEqual({
      "server.host": "127.0.0.1",
      "server.port": "9000",
      "server.splitwise": true,
      "server.request-timeout-secs": 600,
    });
    expect(contents.warnings).toHaveLength(1);
  });

  test("is warned of elsewhere", () => {
    const contents = read(source);
    expect(valuesOf(contents)).toEqual({});
    expect(contents.warnings).toHaveLength(5);
  });
});

describe("whatever a file holds", () => {
  const keys = OPTIONS.map(({ key }) => key);
  const scalar = fc.oneof(
    fc.constantFrom(
      "1",
      "-1",
      "0",
      "1.5",
      "true",
      "yes",
      "''",
      '"x"',
      "~",
      ".inf",
      ".nan",
      "[]",
      "{a: 1}",
      "*a",
      "&a 1",
      "!!int x",
    ),
    fc.string({ maxLength: 6 }),
  );
  const line = fc.oneof(
    fc.constantFrom(...SECTIONS).map((section) => `${section}:`),
    fc.tuple(fc.constantFrom(...keys, "<<", "x"), scalar).map(([key, value]) => `  ${key}: ${value}`),
    fc.string({ maxLength: 10 }),
  );
  const source = fc.array(line, { maxLength: 12 }).map((lines) => lines.join("\n"));

  test("nothing is thrown, and what is taken fits its option", () => {
    fc.assert(
      fc.property(source, (text) => {
        const result = parseConfigFile(text, "c.yaml", "any");
        if (result.kind === "syntax-error") return;
        for (const { option, value } of result.contents.values.values()) {
          expect(option.check().safeParse(value).success).toBe(true);
        }
      }),
      { seed: 3, numRuns: 300 },
    );
  });

  test("nested aliases cost nothing", () => {
    const bomb = [
      "a0: &a0 [x]",
      ...Array.from({ length: 40 }, (_, i) => `a${i + 1}: &a${i + 1} [*a${i}, *a${i}, *a${i}]`),
    ];
    expect(read(`${bomb.join("\n")}\nserver:\n  port: *a40\n`).problems).toHaveLength(1);
  });

  test("a merge that goes round in a circle ends", () => {
    expect(valuesOf(read("server: &s\n  <<: *s\n  port: 1\n"))).toEqual({ "server.port": "1" });
  });
});
