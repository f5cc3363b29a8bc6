/** Meant differences of the process: start, options, log files, registration, health, metrics. */
import { isDeepStrictEqual } from "node:util";
import { fullUsage } from "../../src/config/usage.ts";
import type { Difference } from "./compare.ts";
import type { Rule } from "./differences.ts";
import { answeredBy, hasStatus, type OwnAnswers } from "./own-answers.ts";

const NULLS = "null in a registration is the same as leaving the field out";
const ADDRESSES = "One spelling for each address";
const PROBES = "Probes: how they fail is told in our own words, and known instances are not probed for each heartbeat";
const textOf = ({ want, got }: Difference): string => String(want ?? got);

const REGISTERED = '{"code":200,"msg":"Register success"}';
const UNHEALTHY = '{"code":503,"msg":"http://127.0.0.1:{P1} service is not healthy"}';
const NO_ROLE = '{"code":400,"msg":"invalid InstanceInfo format:role is required"}';
const NOBODY = { code: 200, decode: [], mixed: [], msg: "success", prefill: [] };
const PLAIN = {
  url: "http://127.0.0.1:{P1}",
  worker_type: "mixed",
  connector_port: "",
  engine_worker_queue_port: "",
  transfer_protocol: null,
  rdma_ports: null,
  device_ids: null,
  metrics_port: "{P1}",
  tp_size: 0,
};
const ONE_MIXED = { ...NOBODY, mixed: [PLAIN] };

const REGISTRATIONS: OwnAnswers = {
  "registration-0059": { body: '{"code":503,"msg":"http://[::1]:{P1} service is not healthy"}' },
  "registration-0061": { registered: ONE_MIXED },
  "registration-0097": {
    status: "HTTP/1.1 400 Bad Request",
    body: '{"code":400,"msg":"invalid InstanceInfo format:invalid port: +{P1}"}',
  },
  "registration-0098": { registered: ONE_MIXED },
  "splitwise-0028": {
    play: 'the case\'s own registration was refused: {"code":400,"msg":"invalid InstanceInfo format:invalid connector_port: +7001"}',
  },
  "registration-0353": {
    status: "HTTP/1.1 503 Service Unavailable",
    body: UNHEALTHY,
    registered: NOBODY,
    registered_number: { decode: 0, mixed: 0, prefill: 0 },
  },
  "registration-0364": {
    status: "HTTP/1.1 503 Service Unavailable",
    body: UNHEALTHY,
    registered: NOBODY,
    registered_number: { decode: 0, mixed: 0, prefill: 0 },
  },
  "registration-0366": { status: "HTTP/1.1 200 OK", body: REGISTERED },
  "registration-0367": { status: "HTTP/1.1 200 OK", body: REGISTERED },
  "registration-0369": {
    status: "HTTP/1.1 200 OK",
    body: REGISTERED,
    registered: ONE_MIXED,
    registered_number: { decode: 0, mixed: 1, prefill: 0 },
  },
  "registration-0386": {
    "step 5 body": '{"decode":0,"mixed":1,"prefill":0}',
    registered: ONE_MIXED,
    registered_number: { decode: 0, mixed: 1, prefill: 0 },
  },
};
/** As the recorded program was called. */
const PROGRAM = "./fd-router";
const USAGE = new Set([...fullUsage(PROGRAM).split("\n"), `All flags: ${PROGRAM} -h`]);

/** Refused for a role of null, taken with a port of null. */
function isNullLeftOut({ place, want, got }: Difference, fault: string): boolean {
  const refused = fault.startsWith("role null");
  const text = JSON.stringify(got) ?? "";
  if (place === "status") return hasStatus({ place, want, got }, refused ? "400" : "200");
  if (place === "body") return got === (refused ? NO_ROLE : REGISTERED);
  if (place === "get_requests") return isDeepStrictEqual(got, refused ? [] : ["P1 GET /health HTTP/1.1"]);
  if (place === "registered_number") return [...text.matchAll(/:1/g)].length === (refused ? 0 : 1);
  if (place !== "registered") return true;
  // One instance, and where null stood there is the same as without the field.
  return refused
    ? isDeepStrictEqual(got, NOBODY)
    : [...text.matchAll(/"url":/g)].length === 1 && !text.includes('":"0"');
}

export const PROCESS_RULES: readonly Rule[] = [
  {
    name: "A second door for registrations, and what it says at start",
    place: /^(?:stdout|log) surplus$/,
    check: (difference) => /Listening for registrations on|Registration is open to anyone/.test(textOf(difference)),
  },
  {
    name: NULLS,
    fault: /^(?:null is taken for 0|null ports are refused|role null is taken)/,
    place: /^(?:status|body|registered|registered_number|get_requests|log (?:missing|surplus))$/,
    check: (difference, { fault = "" }) => isNullLeftOut(difference, fault),
  },
  {
    name: ADDRESSES,
    group: /^registration\/(?:host-ip|port|again)$|^splitwise\/disaggregate-info$/,
    place: /^(?:status|body|registered|play|log (?:missing|surplus))$/,
    check: answeredBy(REGISTRATIONS),
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
    // How many there are is a matter of time.
    check: ({ got }) => Array.isArray(got) && got.every((probe) => /^P\d GET \/\w* HTTP\/1\.1$/.test(String(probe))),
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
    check: ({ got }) => USAGE.has(String(got)),
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
  {
    name: "Probes do not follow redirects",
    id: /^registration-0353$/,
    place: /^(?:status|body|registered|registered_number|log (?:missing|surplus))$/,
    check: answeredBy(REGISTRATIONS),
  },
  {
    name: PROBES,
    id: /^registration-0366$/,
    place: /^(?:status|body|log missing)$/,
    check: answeredBy(REGISTRATIONS),
  },
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
  {
    name: "The version is ours",
    group: /^cli\/version/,
    place: /^stdout (?:missing|surplus)$/,
    check: ({ place, got }) =>
      place === "stdout missing" || /^ {2}(?:version|commit|dirty|vcsTime|module|runtime): +\S/.test(String(got)),
  },
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
      stderr.some((line) => line.startsWith("panic: ")) &&
      (place !== "exit_code" || got === "{still running}") &&
      (place !== "listens" || got === true) &&
      // Lines of stdout are judged by own-forms.ts.
      place !== "stderr surplus",
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
    check: ({ place, got }) =>
      (place !== "listens" || got === false) &&
      (place !== "exit_code" || got === 1) &&
      (place !== "stderr surplus" || String(got).startsWith("{ts} Failed to start server: ")),
  },
  {
    name: "Log files of the day",
    group: /^cli\/log-file/,
    place: /^log file .*$/,
    check: ({ place, got }) =>
      place.endsWith(" router.log")
        ? got === "{link}"
        : /router-\{date\}(?:\.\d+)?\.log$/.test(place) && Array.isArray(got),
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
    place: /^(?:step 5 body|registered|registered_number)$/,
    check: answeredBy(REGISTRATIONS),
  },
  {
    name: "Values that cannot be meant are put right",
    fault: /^negative (?:failure )?threshold|^a path without leading slash/,
    place: /^(?:status|body|registered|registered_number|log (?:missing|surplus))$/,
    check: answeredBy(REGISTRATIONS),
  },
  {
    name: "http_requests_total is fed",
    fault: /declared but never fed/,
    place: /^metrics missing$/,
    check: ({ want }) => /^(?:# (?:HELP|TYPE) )?http_request(?:s_total|_duration_seconds)/.test(String(want)),
  },
  {
    name: "Unknown log levels are info",
    id: /^cli-0139$/,
    place: /^stdout surplus$/,
    check: ({ got }) => String(got).endsWith("Starting server on :{R}"),
  },
  {
    name: "Mixed instances are probed by /health_generate too",
    fault: /mixed instances are not probed/,
    place: /^log surplus$/,
    check: ({ got }) => String(got).endsWith("Server http://127.0.0.1:{P1} is healthy"),
  },
];
