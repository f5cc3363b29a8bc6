import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { dayOf, readLogName, surplusLogs } from "../../src/log/log-cleanup.ts";
import { LogFile } from "../../src/log/log-file.ts";

let root: string;
let folder: string;
let now: Date;
let problems: string[];

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "fd-router-log-"));
  folder = join(root, "logs");
  now = new Date(2026, 2, 30, 12, 0, 0);
  problems = [];
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function open({ maxAgeDays = 7, maxTotalBytes = Infinity } = {}): LogFile {
  return new LogFile({ folder, maxAgeDays, maxTotalBytes, now: () => now, onProblem: (line) => problems.push(line) });
}

const read = (name: string): string => readFileSync(join(folder, name), "utf8");
const files = (): readonly string[] => readdirSync(folder).toSorted();

describe("the file of the day", () => {
  test("is made with its folder, and a relative link points to it", async () => {
    const log = open();
    log.write("a\n");
    await log.flush(1000);
    expect(read("router.log")).toBe("a\n");
    expect(readlinkSync(join(folder, "router.log"))).toBe("router-2026-03-30.log");
  });

  test("is continued by a program that starts again", async () => {
    for (const line of ["a\n", "b\n"]) {
      const log = open();
      log.write(line);
      await log.flush(1000);
    }
    expect(read("router.log")).toBe("a\nb\n");
  });

  test("takes in a regular router.log of an older program, and overwrites nothing (B36)", () => {
    mkdirSync(folder);
    writeFileSync(join(folder, "router.log"), "older\n");
    writeFileSync(join(folder, "router-2026-03-30.log"), "today\n");
    open();
    expect(read("router-2026-03-30.log")).toBe("today\nolder\n");
    expect(readlinkSync(join(folder, "router.log"))).toBe("router-2026-03-30.log");
  });

  test("is followed by the next day's", async () => {
    const log = open();
    log.write("before\n");
    await log.flush(1000);
    now = new Date(2026, 2, 31, 0, 0, 1);
    log.write("after\n");
    await log.flush(1000);
    expect([read("router-2026-03-30.log"), read("router-2026-03-31.log")]).toEqual(["before\n", "after\n"]);
    expect(read("router.log")).toBe("after\n");
    expect(problems).toEqual([]);
  });

  test("is cut into parts before it passes the limit of all files (B36)", async () => {
    const log = open({ maxTotalBytes: 400 });
    for (let i = 0; i < 20; i++) {
      log.write(`${"x".repeat(49)}\n`);
      await log.flush(1000);
    }
    const total = files()
      .filter((name) => name !== "router.log")
      .reduce((sum, name) => sum + read(name).length, 0);
    expect(files().length).toBeGreaterThan(2);
    expect(total).toBeLessThanOrEqual(550);
    expect(problems).toEqual([]);
  });

  test.each(["logs", "logs/router.log/x"])("cannot be made where %s is in the way", (path) => {
    mkdirSync(join(root, path, ".."), { recursive: true });
    writeFileSync(join(root, path), "");
    expect(() => open()).toThrow(/^open .*logs\/router\.log: (?:not|is) a directory$/);
  });
});

describe("clean-up", () => {
  test("deletes by age, and nothing that is not its own", () => {
    mkdirSync(folder);
    const kept = ["other.log", "router-2026-03-23.log", "router-2026-13-01.log", "router-2026-03-22.log.gz"];
    for (const name of [...kept, "router-2026-03-22.log", "router-2025-12-31.2.log"])
      writeFileSync(join(folder, name), "x");
    open().cleanUp();
    expect(files()).toEqual([...kept, "router-2026-03-30.log", "router.log"].toSorted());
  });

  test("never, with negative limits", () => {
    mkdirSync(folder);
    writeFileSync(join(folder, "router-2001-01-01.log"), "x");
    open({ maxAgeDays: -1 }).cleanUp();
    expect(existsSync(join(folder, "router-2001-01-01.log"))).toBe(true);
  });

  test("a folder that is gone is a warning", () => {
    const log = open();
    rmSync(folder, { recursive: true });
    log.cleanUp();
    expect(problems.map((line) => line.slice(0, 51))).toEqual(["[WARN] Failed to read log directory for cleanup: no"]);
  });

  test("by size takes the oldest, parts of a day in their order, the last one last", () => {
    const names = [
      "router-2026-03-29.log",
      "router-2026-03-28.2.log",
      "router-2026-03-28.log",
      "router-2026-03-28.10.log",
    ];
    const all = names.flatMap((name) => readLogName(name) ?? []).map((parsed) => ({ ...parsed, bytes: 10 }));
    const surplus = surplusLogs(all, { today: "2026-03-30", maxAgeDays: 7, maxTotalBytes: 15 });
    expect(surplus.map(({ name }) => name)).toEqual([
      "router-2026-03-28.2.log",
      "router-2026-03-28.10.log",
      "router-2026-03-28.log",
    ]);
  });

  test.each(["router-2026-3-1.log", "router-2026-02-30.log", "router-.log", "xrouter-2026-03-01.log", "router.log"])(
    "%s is no name of ours",
    (name) => expect(readLogName(name)).toBeNull(),
  );

  test("days are local ones", () => {
    expect(dayOf(new Date(2026, 0, 5, 23, 59))).toBe("2026-01-05");
  });
});
