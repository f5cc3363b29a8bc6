import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseTrace, readTrace } from "../../src/demo/trace.ts";
import { TraceLineError } from "../../src/demo/trace-line.ts";
import { UsageError } from "../../src/demo/usage-error.ts";

const AZURE = `TIMESTAMP,ContextTokens,GeneratedTokens\r
2023-11-16 18:15:46.6805900,374,44\r
2023-11-16 18:15:50.9951690,396,109\r
`;

const azure = (row: string): string => `TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46,1,1\n${row}\n`;
const mooncake = (row: string): string => `{"timestamp":0,"input_length":1,"output_length":1}\n${row}\n`;
const batch = (timestamp: number, id: number): string =>
  JSON.stringify({ timestamp, input_length: 600, output_length: 5, hash_ids: [0, id] });

/** What a promise was rejected with. */
function rejection(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => null,
    (error: unknown) => error,
  );
}

describe("good files", () => {
  test("Azure CSV is read with times to below the millisecond, from its first request", () => {
    const [first, second] = parseTrace(AZURE);
    expect(first).toEqual({ atMs: 0, promptTokens: 374, outputTokens: 44, blockIds: null });
    expect(second?.atMs).toBeCloseTo(4314.579, 2);
    expect(second?.outputTokens).toBe(109);
  });

  test("a time zone of UTC, a byte-order mark, blank lines and other column orders are accepted", () => {
    const text =
      "\uFEFFGeneratedTokens,TIMESTAMP,ContextTokens\n\n7,2024-05-10 00:00:01+00:00,5\n8,2024-05-10 00:00:00Z,6\n";
    expect(parseTrace(text)).toEqual([
      { atMs: 0, promptTokens: 6, outputTokens: 8, blockIds: null },
      { atMs: 1000, promptTokens: 5, outputTokens: 7, blockIds: null },
    ]);
  });

  test("ServeGen CSV is read", () => {
    expect(parseTrace("t_ms,client,input_tokens,output_tokens\n8,66,32,14560\n33.5,12,713,322\n")).toEqual([
      { atMs: 0, promptTokens: 32, outputTokens: 14560, blockIds: null },
      { atMs: 25.5, promptTokens: 713, outputTokens: 322, blockIds: null },
    ]);
  });

  test("requests of one Mooncake stamp are spread evenly up to the next stamp, the last ones over the period before", () => {
    const requests = parseTrace([batch(0, 1), batch(0, 2), batch(0, 3), batch(3000, 4), batch(3000, 5)].join("\n"));
    expect(requests.map((request) => request.atMs)).toEqual([0, 1000, 2000, 3000, 4500]);
    expect(requests[2]?.blockIds).toEqual([0, 3]);
  });

  test("0 tokens, which no request has, become 1", () => {
    const text = "t_ms,client,input_tokens,output_tokens\n1,1,0,0\n2,1,1,1\n";
    expect(parseTrace(text)[0]).toMatchObject({ promptTokens: 1, outputTokens: 1 });
  });
});

describe("bad files are refused with line, value and what was wanted", () => {
  const cases: [name: string, text: string, message: string][] = [
    ["not a number", azure("2023-11-16 18:15:47,abc,1"), 'line 3: ContextTokens is "abc", expected a whole number'],
    ["a fraction", azure("2023-11-16 18:15:47,1,1.5"), "line 3: GeneratedTokens is 1.5, expected a whole number"],
    ["negative", azure("2023-11-16 18:15:47,-1,1"), "line 3: ContextTokens is -1, expected a whole number from 0"],
    ["empty", azure("2023-11-16 18:15:47,,1"), 'line 3: ContextTokens is "", expected a whole number'],
    ["huge", azure("2023-11-16 18:15:47,99999999,1"), "line 3: ContextTokens is 99999999, expected a whole number"],
    ["hexadecimal", azure("2023-11-16 18:15:47,0x10,1"), 'line 3: ContextTokens is "0x10", expected a whole number'],
    ["no such day", azure("2023-13-46 18:15:47,1,1"), 'line 3: TIMESTAMP is "2023-13-46 18:15:47", expected a time'],
    ["a cut line", azure("2023-11-16 18:15:47,1"), 'line 3: the row is "2023-11-16 18:15:47,1", expected 3 columns'],
    ["other columns", "a,b\n1,2\n", 'line 1: the first line is "a,b", expected the header TIMESTAMP,'],
    ["nothing", "", 'line 1: the first line is "", expected the header'],
    [
      "one request",
      AZURE.split("\r\n").slice(0, 2).join("\n"),
      "the file ends after 1 request(s), expected at least 2",
    ],
    ["broken JSON", mooncake('{"timestamp":'), 'line 2: the line is "{\\"timestamp\\":", expected a JSON object'],
    ["a list", mooncake("[1]"), 'line 2: the line is "[1]", expected a JSON object'],
    ["a missing field", mooncake('{"timestamp":1,"output_length":1}'), "line 2: input_length is missing, expected"],
    ["a negative time", mooncake('{"timestamp":-1}'), "line 2: timestamp is -1, expected milliseconds from 0"],
    [
      "a bad hash id",
      mooncake('{"timestamp":1,"input_length":1,"output_length":1,"hash_ids":["x"]}'),
      'line 2: an id in hash_ids is "x", expected a whole number from 0',
    ],
  ];
  for (const [name, text, message] of cases) {
    test(name, () => {
      expect(() => parseTrace(text)).toThrow(message);
    });
  }

  test("a long value is cut in the message", () => {
    expect(() => parseTrace(azure(`2023-11-16 18:15:47,${"9".repeat(5000)}x,1`))).toThrow(/^.{0,200}$/);
  });

  test("whatever the text, it is read or refused by a TraceLineError", () => {
    const unit = fc.constantFrom(
      "\n",
      "\r",
      ",",
      ".",
      "-",
      ":",
      " ",
      "0",
      "17",
      "T",
      "Z",
      "{",
      "}",
      "[",
      '"',
      "\\",
      "\0",
      "é",
    );
    const header = fc.constantFrom("", "TIMESTAMP,ContextTokens,GeneratedTokens\n", "{", "{}\n");
    fc.assert(
      fc.property(header, fc.string({ unit, maxLength: 200 }), (start, rest) => {
        try {
          parseTrace(start + rest);
        } catch (error) {
          expect(error).toBeInstanceOf(TraceLineError);
        }
      }),
    );
  });
});

describe("reading from disk", () => {
  test("a bad line is reported with the file's path, a missing file and a directory with the reason", async () => {
    const directory = await mkdtemp(join(tmpdir(), "trace-"));
    try {
      const path = join(directory, "bad.csv");
      await Bun.write(path, "x\n");
      expect(await rejection(readTrace(path))).toHaveProperty(
        "message",
        expect.stringContaining(`cannot read trace ${path}: line 1: the first line is "x"`),
      );
      expect(await rejection(readTrace(join(directory, "none.csv")))).toHaveProperty(
        "message",
        expect.stringContaining("ENOENT"),
      );
      expect(await rejection(readTrace(directory))).toHaveProperty(
        "message",
        expect.stringContaining("it is not a regular file"),
      );
      expect(await rejection(readTrace(path))).toBeInstanceOf(UsageError);
    } finally {
      await rm(directory, { recursive: true });
    }
  });

  test("the trace is named after its file", async () => {
    const directory = await mkdtemp(join(tmpdir(), "trace-"));
    try {
      await Bun.write(join(directory, "azure.csv"), AZURE);
      expect((await readTrace(join(directory, "azure.csv"))).name).toBe("azure.csv");
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});
