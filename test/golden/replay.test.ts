import { describe, expect, test } from "bun:test";
import { CORPUS_FILES, corpusFolder, readCorpus } from "./corpus.ts";
import { replay } from "./replay.ts";

const folder = corpusFolder();

/** The corpus is no part of this repository: the tests in own/ say its rules in our own words. */
describe.skipIf(folder === null)("recorded exchanges of the Go router", () => {
  test.each([...CORPUS_FILES])(
    "%s: every difference is one that docs/differences.md gives a reason for",
    async (file) => {
      const cases = readCorpus(folder ?? "").filter((golden) => golden.file === file);
      const verdicts = await replay(cases);
      const unexplained = verdicts.filter((verdict) => verdict.unexplained.length > 0);
      expect(unexplained.map(({ golden, unexplained: found }) => [golden.id, found])).toEqual([]);
      expect(verdicts).toHaveLength(cases.length);
    },
    300_000,
  );
});
