/** The Go router's recorded choices, replayed against the compiled binary where the recordings are at hand (FD_ROUTER_GOLDEN). */
import { expect, test } from "bun:test";
import { compare } from "../golden/compare.ts";
import { corpusFolder, readCorpus, type GoldenCase } from "../golden/corpus.ts";
import { play, type Seen } from "../golden/play.ts";
import { compiledBinary } from "../support/compiled-binary.ts";

/** Choices that are meant to differ, by case and operation: what is chosen instead, and why. */
const OTHER_CHOICES: Readonly<
  Record<string, { readonly why: string; readonly chosen: Readonly<Record<number, string>> }>
> = {
  "policies-0014": { why: "empty prompts go by request counts", chosen: { 1: "P2", 2: "P3" } },
  "policies-0033": { why: "empty prompts go by request counts", chosen: { 2: "P2" } },
  "policies-0024": { why: "values with labels are read", chosen: { 0: "P2" } },
  "policies-0052": { why: "decode instances go by request counts", chosen: { 1: "P2 P4" } },
};

/** Lines that are meant to differ: each candidate's own longest prefix counts, not only that of the deepest holder. */
const OTHER_LINES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "policies-0037": {
    "hitRatios=map[http://127.0.0.1:{P2}:100]": "hitRatios=map[http://127.0.0.1:{P1}:50 http://127.0.0.1:{P2}:100]",
    "hitRatios=map[http://127.0.0.1:{P1}:100]": "hitRatios=map[http://127.0.0.1:{P1}:100 http://127.0.0.1:{P2}:50]",
  },
};

const CONCURRENCY = 4;

const folder = corpusFolder();
const cases = folder === null ? [] : readCorpus(folder).filter(({ file }) => file === "policies");

test.skipIf(folder === null)(
  "every policy chooses as the Go router did, and says so, but for its faults",
  async () => {
    const binary = await compiledBinary();
    const found: string[] = [];
    const waiting = [...cases];
    const next = async (): Promise<void> => {
      for (let golden = waiting.pop(); golden !== undefined; golden = waiting.pop()) {
        const seen = await play(golden, binary);
        found.push(...choiceProblems(golden, seen), ...lineProblems(golden, seen));
      }
    };
    await Promise.all(Array.from({ length: CONCURRENCY }, next));
    expect(cases.length).toBeGreaterThan(40);
    expect(found).toEqual([]);
  },
  120_000,
);

function choiceProblems(golden: GoldenCase, seen: Seen): string[] {
  if (golden.group === "power_of_two") return pairProblems(golden, seen);
  const others = OTHER_CHOICES[golden.id]?.chosen ?? {};
  const differing = compare(golden, seen).flatMap(({ place }) => {
    const index = /^chosen (\d+)$/.exec(place)?.[1];
    return index === undefined ? [] : [Number(index)];
  });
  const places = new Set([...differing, ...Object.keys(others).map(Number)]);
  return [...places].flatMap((index) => {
    const got = seen.chosen?.[index]?.join(" ");
    return got === others[index] ? [] : [`${golden.id} ${golden.group}: operation ${index} chose ${got}`];
  });
}

/** With two instances: each request of a pair goes where the other did not, and the last one where the first had ended. */
function pairProblems({ id, registered_before: registered = [] }: GoldenCase, { chosen = [] }: Seen): string[] {
  if (registered.length === 1) return [];
  const [a, b, c, d, , e] = chosen.map((names) => names?.join(" "));
  return a !== b && c !== d && e === a ? [] : [`${id} power_of_two: chose ${[a, b, c, d, e].join(", ")}`];
}

/** The lines of the cache-aware policies, without tags, which belong to the log of requests. Texts of JSON parsers differ. */
function lineProblems(golden: GoldenCase, { log = [] }: Seen): string[] {
  const ours = log.flatMap(cacheLine);
  const theirs = (golden.log ?? []).flatMap(cacheLine).map((line) => {
    const others = Object.entries(OTHER_LINES[golden.id] ?? {});
    // The first request of such a case hits where nobody else holds anything yet.
    const other = others.find(([text]) => line.includes(`${text}.`) && line.includes(":0 http://127.0.0.1:{P2}:0"));
    return other === undefined ? line : line.replace(other[0], other[1]);
  });
  return Bun.deepEquals(ours, theirs) ? [] : [`${golden.id}: logged\n${ours.join("\n")}\nwant\n${theirs.join("\n")}`];
}

function cacheLine(line: string): string[] {
  const text = /cache-aware prefill: .*/.exec(line)?.[0];
  return text === undefined ? [] : [text.replace(/(unmarshal failed: ).*/, "$1...")];
}
