/** Meant differences in log lines. */
import type { Difference } from "./compare.ts";
import type { Rule } from "./differences.ts";

const ACCESS = /\[[A-Za-z]+\] .* HTTP\/\d\.\d \d{3} \{latency\}/;
const lineOf = ({ want, got }: Difference): string => String(want ?? got);

export const LOG_RULES: readonly Rule[] = [
  {
    name: "The access line has the status that was sent",
    place: /^log (?:missing|surplus)$/,
    check: (difference, _, all) =>
      ACCESS.test(lineOf(difference)) && all.some(({ place }) => /(?:^|step \d+ )(?:status|framing)$/.test(place)),
  },
  {
    name: "Errors are logged as errors",
    place: /^log (?:missing|surplus)$/,
    check: (difference, { fault }) =>
      /Request completed (?:successfully|with an error: status \d+)/.test(lineOf(difference)) && fault !== undefined,
  },
  {
    name: "A client that left is logged once, with 499",
    group: /client-leaves/,
    place: /^log (?:missing|surplus)$/,
    check: (difference) =>
      ACCESS.test(lineOf(difference)) ||
      /context canceled|Request completed successfully|release in|\[prefill\]/.test(lineOf(difference)),
  },
  {
    name: "Prompt tokens are estimated unless a policy counts them",
    place: /^log (?:missing|surplus)$/,
    check: (difference, golden) =>
      /select worker \(prefill\): \S+, tokens: \d+/.test(lineOf(difference)) && golden.file === "splitwise",
  },
  {
    name: "Unknown log levels are info",
    fault: /unknown level silences/,
    place: /^log surplus$/,
  },
  {
    name: "Debug lines of the prefix tree are not written",
    place: /^log missing$/,
    check: (difference) => /\[DEBUG\] .*(?:radix |cache-aware )/.test(lineOf(difference)),
  },
  {
    name: "Lines of Go's HTTP library",
    place: /^log missing$/,
    check: (difference) =>
      /Unsolicited response received on idle HTTP channel|\[Recovery\]|stack trace|^\s*$/.test(lineOf(difference)),
  },
  {
    name: "New instances are logged",
    place: /^(?:log|stdout) surplus$/,
    check: (difference) =>
      /\[INFO\] .*(?:Registered|Changed) (?:mixed|prefill|decode) instance: /.test(lineOf(difference)),
  },
  {
    name: "Tags are cleaned",
    fault: /tag values are used as a format|request_id is inserted unescaped/,
    place: /^log (?:missing|surplus)$/,
  },
  { name: "Standard trace headers are read", id: /^mixed-0351$/, place: /^log (?:missing|surplus)$/ },
  {
    name: "Failures are told in our own words after Go's beginning",
    place: /^log (?:missing|surplus)$/,
    check: (difference, { fault }) =>
      fault !== undefined &&
      /\[ERROR\] .*(?:Backend request failed for|Request failed \(attempt|Failed to connect to backend service|Invalid answer from backend|scanner error|copy error|(?:Prefill|Decode) request failed for)/.test(
        lineOf(difference),
      ),
  },
  {
    name: "Redirects have an access line",
    group: /routes-slash/,
    place: /^log surplus$/,
    check: (difference) => ACCESS.test(lineOf(difference)),
  },
];
