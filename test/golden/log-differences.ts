/** Meant differences in log lines. */
import type { Difference } from "./compare.ts";
import type { Rule } from "./differences.ts";

const ACCESS = /\[[A-Za-z]+\] .* HTTP\/\d\.\d \d{3} \{latency\}/;
/** Of an access line or a status line. */
const statusOf = (line: unknown): string | undefined => /HTTP\/1\.1 (\d{3})/.exec(String(line))?.[1];
const lineOf = ({ want, got }: Difference): string => String(want ?? got);

export const LOG_RULES: readonly Rule[] = [
  {
    name: "The access line has the status that was sent",
    place: /^log (?:missing|surplus)$/,
    check: (difference, _, all) =>
      ACCESS.test(lineOf(difference)) &&
      all.some(({ place, got }) => {
        if (!/(?:^|step \d+ )(?:status|framing)$/.test(place)) return false;
        // Of a line of ours: the status that the client got, or 499.
        const logged = statusOf(difference.got);
        return logged === undefined || logged === "499" || !place.endsWith("status") || logged === statusOf(got);
      }),
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
    group: /log-level/,
    place: /^(?:log|stdout) surplus$/,
    check: (_, golden) => !["debug", "info", "warn", "error"].includes(String(golden.config?.["log"]?.["level"])),
  },
  {
    name: "Prompt tokens are estimated unless a policy counts them",
    place: /^log (?:missing|surplus)$/,
    check: (difference, golden) =>
      /(?:release prefill tokens|select worker \(prefill\)): \S+, tokens: \d+/.test(lineOf(difference)) &&
      (golden.file === "policies" || JSON.stringify(golden.sent).length > 4096 || typeof golden.sent === "object"),
  },
  {
    name: "Policies choose what was meant",
    group: /^policies\//,
    fault: /./,
    place: /^log (?:missing|surplus)$/,
    check: (difference) =>
      /(?:select|release) worker|release prefill tokens|cache-aware prefill/.test(lineOf(difference)),
  },
  {
    name: "Policies choose what was meant",
    group: /^policies\//,
    id: /^policies-(?:0014|0023|0024|0027|0033|0037|0052)$/,
    place: /^(?:chosen \d+|log (?:missing|surplus))$/,
  },
  {
    name: "Requests that end together end in any order",
    group: /^policies\//,
    place: /^log (?:order|missing|surplus)$/,
    check: (difference) =>
      difference.place === "log order" || /release (?:worker|prefill tokens): /.test(lineOf(difference)),
  },
  {
    name: "Remote metrics are asked for beside the requests",
    group: /^policies\//,
    place: /^log missing$/,
    check: (difference) => /GetRemoteMetrics failed/.test(lineOf(difference)),
  },
  {
    name: "Failures are told in our own words after Go's beginning",
    group: /^policies\/tokenizer/,
    place: /^log (?:missing|surplus)$/,
    check: (difference) =>
      /tokenizer failed, fallback to char tokens: parse tokenizer response failed: tokenizer response/.test(
        lineOf(difference),
      ),
  },
  {
    name: "Lines on stdout and stderr may overtake each other",
    place: /^log order$/,
    check: (_, golden) => golden.log?.some((line) => line.startsWith("[ERROR]")) === true,
  },
  {
    name: "Splitwise: a choice is logged though no pair is there",
    group: /^splitwise\/no-instance/,
    place: /^log surplus$/,
    check: ({ got }) => /before SelectWorker (?:prefill|decode, after prefill)\. ts_ms=\{ts_ms\}$/.test(String(got)),
  },
  {
    name: "Prefill releases are told by what was asked",
    group: /^splitwise\//,
    place: /^log (?:missing|surplus)$/,
    check: (difference) => /\[prefill\] (?:first chunk|non-stream prefill|release in defer)/.test(lineOf(difference)),
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
    // With its tag, without a bracket or line break of the client's.
    check: (difference) =>
      difference.got === undefined || / \[(?:session_id|req_id|request_id):[^\]\n]+\] /.test(lineOf(difference)),
  },
  {
    name: "Standard trace headers are read",
    id: /^(?:mixed-0351|splitwise-0048)$/,
    place: /^log (?:missing|surplus)$/,
    check: (difference) => difference.got === undefined || lineOf(difference).includes("[trace_id:"),
  },
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
