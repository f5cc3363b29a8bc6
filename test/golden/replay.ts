/**
 * Replays recorded exchanges of the Go router against the compiled binary and counts, group by group, which are equal, which differ as
 * differences.ts explains, and which do neither. `bun test/golden/replay.ts [--file mixed] [--group G] [--id ID] [--all]`.
 */
import { parseArgs } from "node:util";
import { compiledBinary } from "../support/compiled-binary.ts";
import { compare, type Difference } from "./compare.ts";
import { corpusFolder, readCorpus, type GoldenCase } from "./corpus.ts";
import { explain, type Rule } from "./differences.ts";
import { play, stopIdleRouters } from "./play.ts";
import { playCommandLine } from "./play-command-line.ts";

export interface Verdict {
  readonly golden: GoldenCase;
  readonly explained: readonly { readonly difference: Difference; readonly rule: Rule }[];
  readonly unexplained: readonly Difference[];
}

/** Cases at once: most of their time is waiting. */
const CONCURRENCY = 6;

export async function replay(
  cases: readonly GoldenCase[],
  onVerdict?: (verdict: Verdict) => void,
): Promise<readonly Verdict[]> {
  const binary = await compiledBinary();
  const waiting = cases.toReversed();
  const verdicts: Verdict[] = [];
  const next = async (): Promise<void> => {
    for (let golden = waiting.pop(); golden !== undefined; golden = waiting.pop()) {
      let verdict = judge(golden, await differences(golden, binary));
      // On a busy machine a pause of the recording may pass before its time: what is a difference is one again.
      if (verdict.unexplained.length > 0) verdict = judge(golden, await differences(golden, binary));
      verdicts.push(verdict);
      onVerdict?.(verdict);
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, next));
  await stopIdleRouters();
  return verdicts;
}

async function differences(golden: GoldenCase, binary: string): Promise<readonly Difference[]> {
  try {
    if (golden.mode === "cli") return await playCommandLine(golden, binary);
    return compare(golden, await play(golden, binary));
  } catch (error) {
    // A case that cannot be played is a difference like others: the rest still runs.
    return [
      { place: "play", want: "a case that can be played", got: error instanceof Error ? error.message : String(error) },
    ];
  }
}

function judge(golden: GoldenCase, found: readonly Difference[]): Verdict {
  const explained: { readonly difference: Difference; readonly rule: Rule }[] = [];
  const unexplained: Difference[] = [];
  for (const difference of found) {
    const rule = explain(golden, difference, found);
    if (rule === null) unexplained.push(difference);
    else explained.push({ difference, rule });
  }
  return { golden, explained, unexplained };
}

function summary(verdicts: readonly Verdict[]): string {
  const groups = Map.groupBy(verdicts, ({ golden }) => `${golden.file}/${golden.group}`);
  const rows = [...groups].map(([name, all]) => row(name, all));
  return [["group", "cases", "equal", "expected", "unexplained"].join("\t"), ...rows, row("total", verdicts)].join(
    "\n",
  );
}

function row(name: string, all: readonly Verdict[]): string {
  const unexplained = all.filter((verdict) => verdict.unexplained.length > 0).length;
  const expected = all.filter((verdict) => verdict.unexplained.length === 0 && verdict.explained.length > 0).length;
  return [name, all.length, all.length - unexplained - expected, expected, unexplained].join("\t");
}

function describe({ golden, explained, unexplained }: Verdict, all: boolean): string {
  const show = (value: unknown): string => (JSON.stringify(value) ?? "(nothing)").slice(0, 600);
  return [
    `${golden.id} ${golden.group}${golden.fault === undefined ? "" : ` [fault: ${golden.fault} -> ${golden.wanted}]`}`,
    ...unexplained.map(({ place, want, got }) => `  ! ${place}\n      want ${show(want)}\n      got  ${show(got)}`),
    ...(all ? explained.map(({ difference, rule }) => `  = ${difference.place}: ${rule.name}`) : []),
  ].join("\n");
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: { file: { type: "string" }, group: { type: "string" }, id: { type: "string" }, all: { type: "boolean" } },
  });
  const folder = corpusFolder();
  if (folder === null) {
    console.log("no corpus found; name its folder in FD_ROUTER_GOLDEN");
  } else {
    const cases = readCorpus(folder).filter(
      ({ file, group, id }) =>
        (values.file ?? file) === file && (values.group ?? group) === group && (values.id ?? id) === id,
    );
    const started = performance.now();
    const verdicts = await replay(cases, (verdict) => {
      if (verdict.unexplained.length > 0 || values.all === true) console.log(describe(verdict, values.all === true));
    });
    console.log(`\n${summary(verdicts)}\n${Math.round((performance.now() - started) / 1000)} s`);
    if (verdicts.some(({ unexplained }) => unexplained.length > 0)) process.exitCode = 1;
  }
}
