/** Meant differences in the choices of policies, and in what the log says of them. */
import type { Difference } from "./compare.ts";
import type { Rule } from "./differences.ts";

const lineOf = ({ want, got }: Difference): string => String(want ?? got);
const LOG = /^log (?:missing|surplus)$/;
const COUNTS = /select worker|release worker|release prefill tokens/;

/** `chosen` at that operation is what is wanted; lines of cases whose choices differ tell of other instances. */
function choices(wanted: Readonly<Record<string, readonly string[]>>): NonNullable<Rule["check"]> {
  return ({ place, got }) => {
    const index = /^chosen (\d+)$/.exec(place)?.[1];
    return index === undefined || JSON.stringify(wanted[index]) === JSON.stringify(got);
  };
}

export const POLICY_RULES: readonly Rule[] = [
  {
    name: "Empty prompts go by request counts",
    id: /^policies-0014$/,
    place: /^chosen|^log/,
    check: choices({ 1: ["P2"], 2: ["P3"] }),
  },
  {
    name: "Empty prompts go by request counts",
    id: /^policies-0033$/,
    place: /^chosen|^log/,
    check: choices({ 2: ["P2"] }),
  },
  {
    name: "Decode instances go by request counts",
    id: /^policies-0052$/,
    place: /^chosen|^log/,
    check: choices({ 1: ["P2", "P4"] }),
  },
  {
    name: "Metrics are read as Prometheus writes them",
    fault: /all three values are required/,
    place: /^chosen|^log/,
    check: choices({ 0: ["P2"] }),
  },
  {
    name: "Engines' metrics are gathered in the background, and failures named once",
    group: /remote/,
    place: LOG,
    check: (difference) => lineOf(difference).includes("GetRemoteMetrics failed for "),
  },
  {
    name: "Each instance's own longest prefix counts",
    fault: /shorter holders get 0/,
    place: LOG,
    check: (difference) => lineOf(difference).includes("hitRatios=map["),
  },
  {
    name: "A tokenizer's mistakes are told in our own words after Go's beginning",
    group: /tokenizer/,
    place: LOG,
    check: (difference) => lineOf(difference).includes("tokenizer response unmarshal failed: "),
  },
  {
    name: "power_of_two draws its ties at random",
    group: /power_of_two/,
    place: /^chosen|^log/,
    check: ({ place }, { registered_before: registered = [] }) =>
      registered.length > 1 || place.startsWith("log order"),
  },
  {
    name: "Prompt tokens are estimated unless a policy counts them",
    group: /^policies\/(?!process_tokens|cache_aware|remote_cache_aware|tokenizer|pd-tokens|pd-cache)/,
    place: LOG,
    check: (difference) => /tokens: \d+/.test(lineOf(difference)),
  },
  {
    name: "Requests that end together end in any order",
    group: /^policies\//,
    place: /^log/,
    check: ({ place, want, got }, { varies = "" }) =>
      /order of log lines|log lines at the end/.test(varies) &&
      (place === "log order" || COUNTS.test(String(want ?? got))),
  },
];
