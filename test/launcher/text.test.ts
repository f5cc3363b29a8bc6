import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { joinWords, splitWords } from "../../src/launcher/command-words.ts";
import { createLineCutter } from "../../src/launcher/lines.ts";
import { parseLoad } from "../../src/launcher/health.ts";

const wordsOf = (text: string): unknown => {
  const split = splitWords(text);
  return split.ok ? split.words : split.problem;
};

describe("command words", () => {
  test.each<[string, readonly string[] | string]>([
    ["a  b\tc", ["a", "b", "c"]],
    [`a 'b c' "d e"f`, ["a", "b c", "d ef"]],
    [`'a "b"' "c 'd'"`, [`a "b"`, `c 'd'`]],
    [`a\\ b "c\\"d" 'e\\f'`, ["a b", `c"d`, "e\\f"]],
    [`'' ""`, ["", ""]],
    ["", []],
    ["a 'b", "has an unclosed '"],
    ["a\\", "ends in a backslash"],
  ])("%s", (text, words) => expect(wordsOf(text)).toEqual(words));

  test("what was joined splits into the same words", () => {
    fc.assert(
      fc.property(fc.array(fc.string()), (words) => expect(wordsOf(joinWords(words))).toEqual(words)),
      { seed: 1 },
    );
  });
});

describe("lines", () => {
  const cut = (pieces: readonly string[]): readonly string[] => {
    const lines: string[] = [];
    const cutter = createLineCutter((line) => lines.push(line));
    for (const piece of pieces) cutter.add(piece);
    cutter.end();
    return lines;
  };

  test("end at a line feed, a carriage return or both; a last one needs no end", () => {
    expect(cut(["a\nb\r\nc\rd", "e\n\nf"])).toEqual(["a", "b", "c", "de", "", "f"]);
  });

  test("come out the same however the stream is cut", () => {
    const text = fc.stringMatching(/^[ab\r\n]{0,40}$/);
    fc.assert(
      fc.property(text, fc.array(fc.nat({ max: 40 })), (whole, cuts) => {
        const places = [0, ...cuts.filter((at) => at < whole.length).toSorted((a, b) => a - b), whole.length];
        const pieces = places.slice(1).map((to, index) => whole.slice(places[index], to));
        expect(cut(pieces)).toEqual(cut([whole]));
      }),
      { seed: 1 },
    );
  });

  test("a line without end is passed on in pieces, so that memory stays bounded", () => {
    const lines = cut(["x".repeat(40_000)]);
    expect(lines.map((line) => line.length)).toEqual([16_384, 16_384, 7232]);
  });
});

describe("load figures", () => {
  test("are read from FastDeploy's metrics", () => {
    const text = [
      "# TYPE fastdeploy:num_requests_running gauge",
      "fastdeploy:num_requests_running 7.0",
      "fastdeploy:num_requests_waiting 1.0",
      "fastdeploy:gpu_cache_usage_perc 0.4375",
      "fastdeploy:generation_tokens_total 98765.0",
    ].join("\n");
    expect(parseLoad(text)).toEqual({ running: 7, waiting: 1, kvUsage: 0.4375, generatedTokens: 98_765 });
  });

  test("samples with labels are added up", () => {
    const text = 'fastdeploy:num_requests_running{dp="0"} 2\nfastdeploy:num_requests_running{dp="1"} 3\n';
    expect(parseLoad(`${text}fastdeploy:num_requests_waiting 0`)?.running).toBe(5);
  });

  test.each(["", "fastdeploy:num_requests_running 1", "<html>", "fastdeploy:num_requests_running NaN"])(
    "%j has none: that is unknown, not idle",
    (text) => expect(parseLoad(text)).toBeNull(),
  );
});
