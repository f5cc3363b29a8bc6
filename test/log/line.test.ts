import { describe, expect, test } from "bun:test";
import { type AccessEntry, writeAccessLine } from "../../src/log/access-line.ts";
import { LineBuffer } from "../../src/log/line-buffer.ts";
import { logLine, type LogFormat } from "../../src/log/line.ts";

const now = new Date(2026, 2, 5, 8, 5, 9, 123);
const HOSTILE = 'a\nb\r\tc\x00\x1b[31m\x7f\x9b\u2028\u2029é"\\';

describe("logLine", () => {
  test.each([
    ["debug", "[DEBUG] 2026/03/05 08:05:09 logger.go:97: hello\n"],
    ["info", "[INFO] 2026/03/05 08:05:09 logger.go:79: hello\n"],
    ["warn", "[WARN] 2026/03/05 08:05:09 logger.go:85: hello\n"],
    ["error", "[ERROR] 2026/03/05 08:05:09 logger.go:91: hello\n"],
  ] as const)("go format of %s", (level, line) => {
    expect(logLine("go", level, "hello", { now })).toBe(line);
  });

  test("the second is never that of an earlier line", () => {
    const second = (date: Date): string | undefined =>
      /(\d\d) logger/.exec(logLine("go", "info", "x", { now: date }))?.[1];
    expect([second(now), second(new Date(now.getTime() + 1000)), second(now)]).toEqual(["09", "10", "09"]);
  });

  test.each(["go", "json", "pretty"] as const)(
    "O01 %s: hostile text stays one line without control characters",
    (format) => {
      const line = logLine(format, "info", HOSTILE, { now, fields: { path: HOSTILE } });
      expect(line.endsWith("\n")).toBe(true);
      // The colours of the pretty format are its own.
      const text = Bun.stripANSI(line.slice(0, -1));
      expect(text.split("").filter((character) => isControl(character.charCodeAt(0)))).toEqual([]);
      expect(text).toContain("é");
    },
  );

  test("json: one object whose fields read back as they were", () => {
    const line = logLine("json", "warn", HOSTILE, { now, fields: { n: 1, path: HOSTILE, none: undefined } });
    expect(JSON.parse(line)).toEqual({ level: "warn", time: now.toISOString(), msg: HOSTILE, n: 1, path: HOSTILE });
  });
});

/** C0, DEL, C1, and the two separators that end a line for some readers. */
function isControl(code: number): boolean {
  return code < 0x20 || (code >= 0x7f && code <= 0x9f) || code === 0x2028 || code === 0x2029;
}

function accessLine(format: LogFormat, entry: AccessEntry): string {
  let text = "";
  const buffer = new LineBuffer((lines) => (text += Buffer.from(lines).toString()));
  writeAccessLine(buffer, format, entry);
  buffer.flush();
  return text;
}

describe("writeAccessLine", () => {
  const entry = {
    method: "POST",
    target: "/v1/completions?a=1",
    status: 200,
    durationMs: 2.798235,
    clientIp: "10.52.95.139",
    tags: "",
    fields: { attempts: 1 },
  };
  /** As the published scripts have it. */
  const SCRIPT =
    /\[(POST|GET|PUT|DELETE|PATCH|HEAD|OPTIONS)\]\s+(\/\S*)\s+HTTP\/\d\.\d\s+(\d{3})\s+(\S+)\s+(\d+\.\d+\.\d+\.\d+)/;

  test("go format is what scripts parse", () => {
    expect(SCRIPT.exec(accessLine("go", entry))?.slice(1)).toEqual([
      "POST",
      "/v1/completions?a=1",
      "200",
      "2.798235ms",
      "10.52.95.139",
    ]);
  });

  test.each([
    [0.000532, "532ns"],
    [0.0173, "17.3µs"],
    [1234.567891, "1.234567891s"],
    [90_500, "1m30.5s"],
    [3_600_250, "1h0m0.25s"],
    [0, "0s"],
    [61_100, "1m1.1s"],
    [-1, "0s"],
  ])("%d ms is %s", (durationMs, text) => {
    expect(accessLine("go", { ...entry, durationMs })).toContain(` 200 ${text} 10.`);
  });

  test.each(["go", "json", "pretty"] as const)("%s: what comes from outside stays in its line", (format) => {
    const line = accessLine(format, { ...entry, method: HOSTILE, target: HOSTILE, clientIp: HOSTILE });
    expect(line.endsWith("\n")).toBe(true);
    const text = Bun.stripANSI(line.slice(0, -1));
    expect(text.split("").filter((unit) => isControl(unit.charCodeAt(0)))).toEqual([]);
  });

  test("a long target is cut", () => {
    expect(accessLine("go", { ...entry, target: `/${"x".repeat(10_000)}` }).length).toBeLessThan(400);
  });

  test("json has the facts as fields", () => {
    expect(JSON.parse(accessLine("json", entry))).toMatchObject({
      msg: "request",
      method: "POST",
      status: 200,
      durationMs: 2.798235,
      attempts: 1,
    });
  });
});
