/** Every way in which this router is meant to differ from the recorded one. docs/differences.md tells users the same, under the same names. */
import type { Difference } from "./compare.ts";
import type { GoldenCase } from "./corpus.ts";
import { isOwnForm } from "./own-forms.ts";
import { LOG_RULES } from "./log-differences.ts";
import { POLICY_RULES } from "./policy-differences.ts";
import { PROCESS_RULES } from "./process-differences.ts";
import { RELAY_RULES } from "./relay-differences.ts";
import { ROUTE_RULES } from "./route-differences.ts";

export interface Rule {
  /** Heading in docs/differences.md. */
  readonly name: string;
  /** What the corpus calls the old behaviour; absent: the rule is for cases without a fault too. */
  readonly fault?: RegExp;
  /** `file/group` of the cases. */
  readonly group?: RegExp;
  readonly id?: RegExp;
  readonly place: RegExp;
  /** That what was seen is what is wanted instead. */
  readonly check?: (difference: Difference, golden: GoldenCase, all: readonly Difference[]) => boolean;
}

export const RULES: readonly Rule[] = [...ROUTE_RULES, ...RELAY_RULES, ...LOG_RULES, ...POLICY_RULES, ...PROCESS_RULES];

export function explain(golden: GoldenCase, difference: Difference, all: readonly Difference[]): Rule | null {
  if (!isOwnForm(difference, all)) return null;
  return RULES.find((rule) => applies(rule, golden, difference, all)) ?? null;
}

function applies(rule: Rule, golden: GoldenCase, difference: Difference, all: readonly Difference[]): boolean {
  const { fault, group, id, place, check } = rule;
  return (
    place.test(difference.place) &&
    (fault === undefined || fault.test(golden.fault ?? "")) &&
    (group === undefined || group.test(`${golden.file}/${golden.group}`)) &&
    (id === undefined || id.test(golden.id)) &&
    (check === undefined || check(difference, golden, all))
  );
}
