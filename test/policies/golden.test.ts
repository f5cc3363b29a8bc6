/** The Go router's recorded choices and their log lines, replayed against the compiled binary where the recordings are at hand (FD_ROUTER_GOLDEN). */
import { expect, test } from "bun:test";
import { corpusFolder, readCorpus } from "../golden/corpus.ts";
import { replay } from "../golden/replay.ts";

const folder = corpusFolder();

test.skipIf(folder === null)(
  "every policy chooses as the Go router did, and says so, but for its faults",
  async () => {
    const cases = folder === null ? [] : readCorpus(folder).filter(({ file }) => file === "policies");
    const verdicts = await replay(cases);
    expect(verdicts.length).toBeGreaterThan(40);
    // Figures of engines come at their own time here (B6): what differs on a busy machine is played once more, alone.
    const doubtful = verdicts.filter(({ unexplained }) => unexplained.length > 0).map(({ golden }) => golden);
    const problems = (await replay(doubtful)).flatMap(({ golden, unexplained }) =>
      unexplained.map((each) => ({ id: golden.id, ...each })),
    );
    expect(problems).toEqual([]);
  },
  180_000,
);
