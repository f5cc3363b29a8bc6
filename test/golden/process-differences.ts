/** Meant differences of the process: start, options, log files, registration, health, metrics. */
import type { Difference } from "./compare.ts";
import type { Rule } from "./differences.ts";

const NULLS = "null in a registration is the same as leaving the field out";
const ADDRESSES = "One spelling for each address";
const PROBES = "Probes: how they fail is told in our own words, and known instances are not probed for each heartbeat";
const textOf = ({ want, got }: Difference): string => String(want ?? got);

export const PROCESS_RULES: readonly Rule[] = [
  {
    name: "A second door for registrations, and what it says at start",
    place: /^(?:stdout|log) surplus$/,
    check: (difference) => /Listening for registrations on|Registration is open to anyone/.test(textOf(difference)),
  },
  {
    name: NULLS,
    fault: /^(?:null is taken for 0|null ports are refused|role null is taken)/,
    place: /^(?:status|body|header content-length|registered|registered_number|get_requests|log (?:missing|surplus))$/,
  },
  {
    name: ADDRESSES,
    group: /^registration\/(?:host-ip|port|again)$|^splitwise\/disaggregate-info$/,
    place:
      /^(?:status|body|header content-length|registered|registered_number|get_requests|play|log (?:missing|surplus))$/,
    check: (_, golden) =>
      /::|0:0|\+\{P1\}|\+7001|\{P1\}1|0\{P1\}|0\.0\.0\.0/.test(JSON.stringify([golden.sent, golden.registered_before])),
  },
  {
    name: PROBES,
    place: /^(?:log|stderr) (?:missing|surplus)$/,
    check: (difference) => /failed to (?:send request to|create request|read response body)/.test(textOf(difference)),
  },
  {
    name: PROBES,
    group: /^registration\/(?:again|health|monitor|as-engines)/,
    place: /^get_requests$/,
  },
  {
    name: "An instance that fails a request is probed at once",
    place: /^log surplus$/,
    check: (difference) => /Removed unhealthy (?:mixed|prefill|decode) instance/.test(textOf(difference)),
  },
  {
    name: "Further flags and commands in the usage text",
    group: /^cli\/(?:flags|start)/,
    place: /^stderr surplus$/,
  },
  {
    name: "Entries of register.yaml are named with their place",
    group: /^cli\/(?:register-yaml|config-value)/,
    place: /^(?:stderr|stdout) (?:missing|surplus)$/,
    check: (difference) =>
      /Failed to register instance from index|Failed to read YAML file|cannot unmarshal !!map into|No instances found in config file/.test(
        textOf(difference),
      ),
  },
  { name: "Probes do not follow redirects", id: /^registration-0353$/, place: /./ },
  { name: PROBES, id: /^registration-0366$/, place: /./ },
  {
    name: "Every change of an instance's health is logged",
    group: /^registration\/monitor/,
    place: /^log surplus$/,
    check: ({ got }) => /Server \S+ is (?:not )?healthy/.test(String(got)),
  },
  {
    name: "Timers have their own beat",
    group: /^(?:registration\/monitor|cli\/)/,
    place: /^(?:log|stdout) (?:surplus|missing)$/,
    check: (difference) => /\[stats\] total_running=/.test(textOf(difference)),
  },
  {
    name: "Timers have their own beat",
    group: /^(?:registration\/health-generate|mixed\/many-requests)/,
    place: /^log order$/,
  },
  { name: "The version is ours", group: /^cli\/version/, place: /^stdout (?:missing|surplus)$/ },
  {
    name: "What is odd in a configuration is said",
    group: /^cli\//,
    place: /^stdout surplus$/,
    check: ({ got }) => /^\[WARN\] .*(?:config\/config\.yaml|command line|register\.yaml)/.test(String(got)),
  },
  {
    name: "What is odd in a configuration is said",
    group: /^cli\//,
    place: /^stderr surplus$/,
    check: ({ got }) => /^ {2}(?:config\/config\.yaml:\d+:\d+: |command line: )/.test(String(got)),
  },
  {
    name: "YAML is read by another parser",
    group: /^cli\/(?:config-file|register-yaml)/,
    place: /^(?:stderr|log) (?:missing|surplus)$/,
    check: (difference) => /yaml: |Failed to unmarshal YAML/.test(textOf(difference)),
  },
  {
    name: "Nothing is left to panic",
    place: /^(?:exit_code|listens|stdout surplus|stderr (?:missing|surplus))$/,
    check: ({ place, got }, { stderr = [] }) =>
      stderr.some((line) => line.startsWith("panic: ")) && (place !== "exit_code" || got === "{still running}"),
  },
  {
    name: "No lines of Go's web framework",
    place: /^stdout missing$/,
    check: ({ want }) => /\[GIN-debug\]|GIN_MODE|gin\.SetMode|gin-gonic|^$/.test(String(want)),
  },
  {
    name: "server.host is honoured",
    fault: /host is ignored/,
    place: /^(?:listens|exit_code|stdout (?:missing|surplus)|stderr surplus)$/,
  },
  {
    name: "Log files of the day",
    group: /^cli\/log-file/,
    place: /^(?:log file .*|stderr (?:missing|surplus)|step \d+ .*)$/,
  },
  {
    name: "A signal ends it in good order",
    fault: /no graceful stop/,
    place: /^(?:exit_code|stdout surplus)$/,
    check: ({ place, got }) => place !== "exit_code" || got === 0 || got === "{still running}",
  },
  {
    name: "An instance that comes back is found again",
    fault: /comes back is not seen/,
    place: /^(?:step \d+ body|registered|registered_number|log (?:missing|surplus)|get_requests)$/,
  },
  {
    name: "Values that cannot be meant are put right",
    fault: /^negative (?:failure )?threshold|^a path without leading slash/,
    place: /^(?:status|body|header content-length|registered|registered_number|get_requests|log (?:missing|surplus))$/,
  },
  { name: "http_requests_total is fed", fault: /declared but never fed/, place: /^metrics / },
  { name: "Unknown log levels are info", id: /^cli-0139$/, place: /^stdout surplus$/ },
  {
    name: "Mixed instances are probed by /health_generate too",
    fault: /mixed instances are not probed/,
    place: /^(?:log surplus|get_requests)$/,
  },
];
