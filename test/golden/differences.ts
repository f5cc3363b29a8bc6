/** Every way in which this router is meant to differ from the recorded one, with its reason. docs/differences.md tells users the same. */
import type { Difference } from "./compare.ts";
import type { GoldenCase } from "./corpus.ts";

export interface Rule {
  /** Heading in docs/differences.md. */
  readonly name: string;
  readonly matches: (difference: Difference, golden: GoldenCase, all: readonly Difference[]) => boolean;
}

export const RULES: readonly Rule[] = [];

export function explain(golden: GoldenCase, difference: Difference, all: readonly Difference[]): Rule | null {
  return RULES.find(({ matches }) => matches(difference, golden, all)) ?? null;
}
