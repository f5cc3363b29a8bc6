/** Meant differences in routes, protocol and the router's own answers. */
import type { Difference } from "./compare.ts";
import type { GoldenCase } from "./corpus.ts";
import type { Rule } from "./differences.ts";
import { answeredBy, hasStatus, type OwnAnswers } from "./own-answers.ts";

const JSON_TYPE = "application/json; charset=utf-8";

/** Bun's server answers these itself: without a type, a body or a date. */
const BARE = { "header content-type": null, "header date": null, body: "", framing: "close" } as const;
const NOTHING = {
  status: "(eof) ",
  "header content-type": null,
  "header date": null,
  body: null,
  framing: null,
  closed: null,
};
const REFUSED = {
  ...BARE,
  status: "HTTP/1.1 400 Bad Request",
  "header server": null,
  "header connection": "close",
  closed: true,
};

const NEW_ROUTES: OwnAnswers = {
  "mixed-0059": { status: "HTTP/1.1 200 OK", "header content-type": JSON_TYPE, body: '{"object":"list","data":[]}' },
  "mixed-0062": { status: "HTTP/1.1 200 OK", "header content-type": null, body: "" },
  "mixed-0063": { status: "HTTP/1.1 200 OK", "header content-type": JSON_TYPE, body: "[]" },
  "mixed-0064": {
    status: "HTTP/1.1 503 Service Unavailable",
    body: '{"code":503,"msg":"Failed to select worker: no healthy workers available"}',
  },
};

const ODD_TARGETS: OwnAnswers = {
  "mixed-0067": { "header content-type": "application/json" },
  "mixed-0069": { status: "HTTP/1.1 503 Service Unavailable" },
  "mixed-0071": {
    status: "HTTP/1.1 200 OK",
    "header content-type": JSON_TYPE,
    body: '{"code":200,"decode":[],"mixed":[],"msg":"success","prefill":[]}',
  },
  "mixed-0073": {
    status: "HTTP/1.1 400 Bad Request",
    "header connection": "close",
    body: '{"code":400,"msg":"Invalid request: the target has a fragment, or bytes that are no printable ASCII"}',
    closed: true,
  },
  "mixed-0076": { status: "HTTP/1.1 404 Not Found" },
  "mixed-0079": { status: "HTTP/1.1 405 Method Not Allowed", body: '{"code":405,"msg":"Method not allowed: TRACE"}' },
  "mixed-0081": NOTHING,
};

const PROTOCOL: OwnAnswers = {
  "mixed-0082": { status: "HTTP/1.1 200 OK" },
  "mixed-0083": { status: "HTTP/1.1 200 OK", "header connection": null, closed: true },
  "mixed-0084": { "header connection": null },
  "mixed-0086": {
    status: "HTTP/1.1 400 Bad Request",
    "header content-type": "application/json",
    "header date": "{date}",
    body: '{"code":400,"msg":"Invalid request: the Host field is no host"}',
    framing: "length",
  },
  "mixed-0087": { ...BARE, status: "HTTP/1.1 505 HTTP Version Not Supported" },
  "mixed-0088": BARE,
  "mixed-0089": { ...BARE, status: "HTTP/1.1 400 Bad Request" },
  "mixed-0091": { ...BARE, status: "HTTP/1.1 505 HTTP Version Not Supported" },
  "mixed-0092": {
    ...BARE,
    status: "HTTP/1.1 505 HTTP Version Not Supported",
    "header connection": "close",
    closed: true,
  },
  "mixed-0093": { ...BARE, status: "HTTP/1.1 400 Bad Request" },
  "mixed-0094": { ...BARE, status: "HTTP/1.1 400 Bad Request" },
  "mixed-0096": BARE,
  "mixed-0097": BARE,
  "mixed-0098": { ...BARE, status: "HTTP/1.1 400 Bad Request" },
  "mixed-0099": BARE,
  "mixed-0101": BARE,
  "mixed-0102": { "received P1 header user-agent": null, "received P1 header accept-encoding": null },
  "mixed-0103": { ...REFUSED, "received P1 count": 0 },
  "mixed-0104": { ...REFUSED, "received P1 count": 0 },
  "mixed-0106": NOTHING,
};

const NO_WORKERS = "Failed to select worker: no healthy workers available";
const NULL_BODY = "Invalid JSON format: json: cannot unmarshal null into Go value of type map[string]interface {}";
const OWN_ERRORS = "Errors of the router are OpenAI error objects";

export const ROUTE_RULES: readonly Rule[] = [
  {
    name: "Headers that name the choice and the reason",
    place: /header x-router-(?:instance|reason)$/,
    check: ({ place, want, got }) =>
      want === undefined &&
      typeof got === "string" &&
      // Reasons are judged by own-forms.ts.
      (place.endsWith("reason") || /^http:\/\/(?:127\.0\.0\.\d|\[::1\]):\{P\d\}$/.test(got)),
  },
  { name: OWN_ERRORS, place: /body$/, check: isSameErrorText },
  {
    name: OWN_ERRORS,
    place: /header content-type$/,
    check: ({ got }, golden, all) =>
      got === "application/json" && (isErrorBody(golden) || isAnswered(all, /^HTTP\/1\.1 [45]/)),
  },
  {
    name: "Lengths follow from another difference",
    place: /header content-length$/,
    check: (_, _golden, all) => all.some(({ place }) => /(?:^|step \d+ )(?:body|framing|status)$/.test(place)),
  },
  {
    name: "An empty fleet is 503 with Retry-After",
    place: /status$/,
    check: ({ want, got }) => want === "HTTP/1.1 502 Bad Gateway" && got === "HTTP/1.1 503 Service Unavailable",
  },
  {
    name: "An empty fleet is 503 with Retry-After",
    place: /header retry-after$/,
    check: ({ want, got }) => want === undefined && /^[1-5]$/.test(String(got)),
  },
  {
    name: "A wrong method on an OpenAI path is 405 with Allow",
    group: /^mixed\/routes/,
    place: /status$/,
    check: ({ want, got }) => want === "HTTP/1.1 404 Not Found" && got === "HTTP/1.1 405 Method Not Allowed",
  },
  {
    name: "A wrong method on an OpenAI path is 405 with Allow",
    place: /header allow$/,
    check: ({ got }, _, all) => (got === "POST" || got === "GET") && isAnswered(all, /^HTTP\/1\.1 405 /),
  },
  {
    name: "Routes that the Go router lacked",
    id: /^mixed-00(?:58|59|61|62|63|64)$/,
    place: /^(?:status|body|header content-type|log (?:missing|surplus))$/,
    check: answeredBy(NEW_ROUTES),
  },
  {
    name: "Odd targets",
    group: /^mixed\/routes-odd$/,
    place: /^(?:status|body|closed|framing|header (?:content-type|connection|date)|log (?:missing|surplus))$/,
    check: answeredBy(ODD_TARGETS),
  },
  {
    name: "Protocol errors are answered by the HTTP server of Bun",
    group: /^mixed\/protocol/,
    place: /^(?:status|body|closed|framing|header .*|received P1 .*|log (?:missing|surplus))$/,
    check: answeredBy(PROTOCOL),
  },
  {
    name: "HEAD answers have no Date",
    place: /header date$/,
    check: ({ got }, golden) => got === undefined && typeof golden.sent === "string" && golden.sent.startsWith("HEAD"),
  },
  {
    name: "Numbers, depth and other contents of JSON are for the engine to judge",
    group: /no-instance|\/body/,
    place: /^(?:status|body|log (?:missing|surplus)|received P1 count|header .*)$/,
    check: (difference, golden) =>
      /cannot unmarshal number|exceeded max depth|invalid character/.test(JSON.stringify(golden.got?.body)) &&
      // There is no instance in these cases: what was let through ends at that.
      (difference.place !== "status" || hasStatus(difference, "503")) &&
      (difference.place !== "body" || messageOf(String(difference.got)) === NO_WORKERS),
  },
  {
    name: "A body of null is refused like other non-objects",
    fault: /body null/,
    place: /^(?:status|body|log (?:missing|surplus))$/,
    check: (difference) =>
      (difference.place !== "status" || hasStatus(difference, "400")) &&
      (difference.place !== "body" || messageOf(String(difference.got)) === NULL_BODY),
  },
];

function isErrorBody({ got, steps = [] }: GoldenCase): boolean {
  return [got, ...steps.map((step) => step.got)].some(
    (answer) => typeof answer?.body === "string" && answer.body.startsWith('{"error": "'),
  );
}

function isAnswered(all: readonly Difference[], status: RegExp): boolean {
  return all.some(({ place, got }) => place.endsWith("status") && status.test(String(got)));
}

/** `{"error": "text..."}` became an object whose message begins with the same words; or Go's 404 text did. */
function isSameErrorText({ want, got }: Difference): boolean {
  if (typeof want !== "string" || typeof got !== "string") return false;
  const message = messageOf(got);
  if (message === null) return false;
  if (want === "404 page not found") return /^(?:404 page not found|Method not allowed)/.test(message);
  const text = /^\{"error": "(.*?)(?::|"\}|", "request_id)/s.exec(want)?.[1];
  return text !== undefined && message.startsWith(text);
}

function messageOf(body: string): string | null {
  try {
    const parsed: unknown = JSON.parse(body);
    if (typeof parsed !== "object" || parsed === null || !("error" in parsed)) return null;
    const { error } = parsed;
    return typeof error === "object" && error !== null && "message" in error ? String(error.message) : null;
  } catch {
    return null;
  }
}
