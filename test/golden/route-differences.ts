/** Meant differences in routes, protocol and the router's own answers. */
import type { Difference } from "./compare.ts";
import type { GoldenCase } from "./corpus.ts";
import type { Rule } from "./differences.ts";

const OWN_ERRORS = "Errors of the router are OpenAI error objects";

export const ROUTE_RULES: readonly Rule[] = [
  {
    name: "Headers that name the choice and the reason",
    place: /header x-router-(?:instance|reason)$/,
    check: ({ want, got }) => want === undefined && typeof got === "string",
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
    check: ({ want }) => want === undefined,
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
    check: ({ got }) => got === "POST" || got === "GET",
  },
  {
    name: "Routes that the Go router lacked",
    id: /^mixed-00(?:58|59|61|62|63|64)$/,
    place: /^(?:status|body|header content-type|log (?:missing|surplus)|framing)$/,
  },
  {
    name: "Odd targets",
    group: /^mixed\/routes-odd$/,
    id: /^mixed-00(?:66|67|68|69|71|72|73|74|76|77|78|79|81)$/,
    place: /^(?:status|body|closed|framing|header (?:content-type|connection|date)|log (?:missing|surplus))$/,
  },
  {
    name: "Protocol errors are answered by the HTTP server of Bun",
    group: /^mixed\/protocol/,
    place: /^(?:status|body|closed|framing|header .*|received P1 .*|log (?:missing|surplus))$/,
    check: ({ place, got }) =>
      place !== "status" || /^(?:HTTP\/1\.1 (?:4\d\d|501|505)|HTTP\/1\.1 200|\(eof\))/.test(String(got)),
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
    check: (_, golden) =>
      /cannot unmarshal number|exceeded max depth|invalid character/.test(JSON.stringify(golden.got?.body)),
  },
  {
    name: "A body of null is refused like other non-objects",
    fault: /body null/,
    place: /^(?:status|body|header .*|log (?:missing|surplus)|received .*)$/,
    check: ({ place, got }) => place !== "status" || got === "HTTP/1.1 400 Bad Request",
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
