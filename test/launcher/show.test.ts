import { describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { BoardWriter, formatAge, renderBoard } from "../../src/launcher/board.ts";
import { BoundedWriter } from "../../src/launcher/bounded-writer.ts";
import { LogFiles } from "../../src/launcher/log-files.ts";
import { createOutput } from "../../src/launcher/output.ts";
import { renderMetrics, serveStatus } from "../../src/launcher/status.ts";
import type { ServerView } from "../../src/launcher/supervisor-contract.ts";

const RUNNING: ServerView = {
  name: "prefill-0",
  unit: "prefill",
  phase: "running",
  healthy: true,
  registered: true,
  pid: 4711,
  port: 8000,
  upMs: 125_000,
  restarts: 2,
  load: { running: 7, waiting: 1, kvUsage: 0.4375, generatedTokens: 1 },
  tokensPerSec: 512.4,
  reason: "",
};
const DOWN: ServerView = {
  ...RUNNING,
  name: "prefill-1",
  phase: "waiting",
  healthy: false,
  registered: false,
  pid: null,
  load: null,
  tokensPerSec: null,
  reason: "server 0 exited with status 1",
};

describe("the board", () => {
  test("shows state, load and token rate of each server in columns", () => {
    expect(renderBoard([RUNNING, DOWN], 200).map((line) => stripVTControlCharacters(line))).toEqual([
      "server     state    port   pid  uptime  restarts  running  waiting   kv  tok/s",
      "prefill-0  running  8000  4711   2m05s         2        7        1  44%    512",
      "prefill-1  waiting  8000     -       -         2        -        -    -      -",
    ]);
  });

  test("never is wider than the terminal", () => {
    const widths = renderBoard([RUNNING], 40).map((line) => stripVTControlCharacters(line).length);
    expect(Math.max(...widths)).toBe(40);
  });

  test("tells a running server that is not healthy or not registered", () => {
    const state = (server: ServerView): string => renderBoard([server], 200).at(-1) ?? "";
    expect(state({ ...RUNNING, healthy: false })).toContain("not healthy");
    expect(state({ ...RUNNING, registered: false })).toContain("unregistered");
    expect(state({ ...RUNNING, registered: null })).toContain("running");
  });

  test("text goes above it", () => {
    let screen = "";
    const writer = new BoardWriter({ write: (text) => (screen += text) });
    writer.draw(["one", "two"]);
    writer.write("a line\n");
    expect(screen).toBe("one\ntwo\n\x1b[2A\x1b[0Ja line\none\ntwo\n");
  });

  test.each([
    [59_999, "59s"],
    [60_000, "1m00s"],
    [3_600_000, "1h00m"],
    [90_061_000, "1d01h"],
  ])("an age of %i ms is %s", (ms, text) => {
    expect(formatAge(ms)).toBe(text);
  });
});

describe("output", () => {
  test("lines carry a name of equal width, notes the time", () => {
    let text = "";
    const output = createOutput({
      writer: { write: (more) => (text += more) },
      colour: false,
      name: "launch",
      serverNames: ["a", "decode-10"],
      now: () => new Date(0),
    });
    output.note("info", "up");
    output.note("warn", "odd");
    output.serverLine("a", "hello");
    expect(text).toBe("[launch   ] 00:00:00.000 up\n[launch   ] 00:00:00.000 WARN odd\n[a        ] hello\n");
  });

  test("a reader that stops costs lines, not memory, and is told how many", async () => {
    const taken: string[] = [];
    let resume = (): void => {};
    const writer = new BoundedWriter({
      write: (text: string) => taken.push(text),
      flush: () => new Promise<void>((resolve) => (resume = resolve)),
    });
    writer.write("first\n");
    for (let line = 0; line < 2500; line++) writer.write(`${"x".repeat(999)}\n`);
    resume();
    await Bun.sleep(0);
    expect(taken).toHaveLength(2);
    expect(taken[1]?.length).toBeLessThan(1.1 * (1 << 20));
    expect(taken[1]).toMatch(/\[launch\] 1\d\d\d lines dropped: they were not read in time\n$/);
  });

  test("a reader that is gone ends writing without an error", async () => {
    const writer = new BoundedWriter({
      write: () => {
        throw new Error("EPIPE");
      },
      flush: () => 0,
    });
    writer.write("x\n");
    await writer.settle(1000);
    writer.write("y\n");
  });
});

describe("log files", () => {
  test("one a server, rotated by size, the oldest dropped", async () => {
    const folder = mkdtempSync(join(tmpdir(), "fd-launch-"));
    await using files = new LogFiles({ folder, maxBytes: 20, keep: 2, onProblem: () => {} });
    for (const line of ["first line", "second line", "third line", "fourth line"]) {
      files.write("a", line);
      await files.settle();
    }
    files.write("b", "other");
    await files.settle();
    expect(readdirSync(folder).toSorted()).toEqual(["a.log", "a.log.1", "a.log.2", "b.log"]);
    expect(readFileSync(join(folder, "a.log"), "utf8")).toBe("fourth line\n");
    expect(readFileSync(join(folder, "a.log.2"), "utf8")).toBe("second line\n");
  });

  test("go on where an earlier launch ended", async () => {
    const folder = mkdtempSync(join(tmpdir(), "fd-launch-"));
    for (const line of ["before", "after"]) {
      await using files = new LogFiles({ folder, maxBytes: 1000, keep: 1, onProblem: () => {} });
      files.write("a", line);
      await files.settle();
    }
    expect(readFileSync(join(folder, "a.log"), "utf8")).toBe("before\nafter\n");
  });

  test("a file that cannot be written is told once", async () => {
    const folder = mkdtempSync(join(tmpdir(), "fd-launch-"));
    const problems: string[] = [];
    await using files = new LogFiles({ folder, maxBytes: 9, keep: 1, onProblem: (text) => problems.push(text) });
    for (let line = 0; line < 3; line++) {
      files.write("no/such/folder/a", "x");
      await files.settle();
    }
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain("cannot be written");
  });
});

describe("status port", () => {
  test("answers /status, /metrics and nothing else", async () => {
    const status = serveStatus("127.0.0.1", 0);
    status.follow(() => [RUNNING, DOWN]);
    try {
      const ask = (path: string): Promise<Response> =>
        fetch(`http://127.0.0.1:${status.port}${path}`, { proxy: false });
      expect(await (await ask("/status")).json()).toMatchObject({
        pid: process.pid,
        servers: [
          { name: "prefill-0", state: "running", tokens_per_sec: 512, uptime_secs: 125, last_failure: null },
          { name: "prefill-1", state: "waiting", running: null, last_failure: "server 0 exited with status 1" },
        ],
      });
      expect(await (await ask("/metrics")).text()).toBe(renderMetrics([RUNNING, DOWN]));
      expect((await ask("/")).status).toBe(404);
    } finally {
      status.stop();
    }
  });

  test("metrics leave out what is not known", () => {
    const lines = renderMetrics([RUNNING, { ...DOWN, registered: null }]).split("\n");
    expect(lines).toContain('fd_launcher_server_up{server="prefill-0",unit="prefill"} 1');
    expect(lines).toContain('fd_launcher_server_restarts_total{server="prefill-1",unit="prefill"} 2');
    expect(lines.filter((line) => line.startsWith("fd_launcher_requests_running{"))).toHaveLength(1);
    expect(lines.filter((line) => line.startsWith("fd_launcher_server_registered{"))).toHaveLength(1);
  });
});
