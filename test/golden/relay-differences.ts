/** Meant differences in what engines receive and what clients get of their answers. */
import { isDeepStrictEqual } from "node:util";
import type { Difference } from "./compare.ts";
import type { GoldenCase } from "./corpus.ts";
import type { Rule } from "./differences.ts";
import { answeredBy, hasStatus, isCutStream, isOwnUpstreamError, type OwnAnswers, scripted } from "./own-answers.ts";

const BYTES = "Answers are relayed byte for byte";
const STATUS = "The status of the instance is relayed";
const HOP_BY_HOP = "Hop-by-hop fields stay on their connection";
const CUT = "A cut answer is seen to be cut";
const NO_REPEAT = "Only what cannot have run is sent again";
const REDIRECT = "Redirects of an instance go to the client";

/** The answer to a request_id that is neither text nor number. */
const BAD_REQUEST_ID =
  '{"error":{"message":"Invalid request: request_id is neither a string nor a number","type":"invalid_request_error","param":null,"code":"invalid_request"}}';

const SINGLE: OwnAnswers = {
  "mixed-0249": {
    status: "HTTP/1.1 200 OK",
    "header connection": null,
    "header date": "Thu, 01 Jan 2026 00:00:00 GMT",
    "header content-type": "application/json",
    "header server": "uvicorn",
    body: '{"id":"x","choices":[]}',
    closed: false,
    "received P1 count": 1,
  },
  // Longer than what the recorder shows.
  "mixed-0299": { body: "(10485778 bytes)" },
  "mixed-0334": {
    status: "(eof) ",
    "header content-type": null,
    "header date": null,
    body: null,
    framing: null,
    closed: null,
  },
};

const NEWLINE = Buffer.from("\n");

/** Empty when it is recorded otherwise. */
function base64(recorded: unknown): Buffer {
  const isBytes = typeof recorded === "object" && recorded !== null && "b64" in recorded;
  return isBytes ? Buffer.from(String(recorded.b64), "base64") : Buffer.alloc(0);
}

/** Of the one that answers the client: the decode instance in splitwise mode. */
function engineStatus(golden: GoldenCase): string {
  const { status } = scripted(
    golden,
    golden.mode === "splitwise" && scripted(golden, "P1").status === "200" ? "P2" : "P1",
  );
  return status;
}

/** The prefill instance's own error; or, where it has none, the router's. */
function isFirstFailure(difference: Difference, golden: GoldenCase): boolean {
  const { place, want, got } = difference;
  const prefill = scripted(golden, "P1");
  const refused = Number(prefill.status) >= 400;
  if (place === "status") {
    if (refused) return hasStatus(difference, prefill.status);
    return /no other prefill instance/.test(golden.fault ?? "")
      ? hasStatus(difference, "200")
      : hasStatus(difference, "502");
  }
  if (place === "body") {
    if (refused) return got === prefill.body;
    if (/no other prefill instance/.test(golden.fault ?? "")) return got === scripted(golden, "P2").body;
    return isOwnUpstreamError(difference) || isCutStream(difference);
  }
  // Where nothing has run the pair is not sent again to the same instances.
  if (place.endsWith("count")) return Number(got) <= 1;
  if (place === "closed") return got === true;
  return !place.endsWith("framing") || got !== want;
}

function isNotRepeated(difference: Difference): boolean {
  const { place, got } = difference;
  if (place === "status") return hasStatus(difference, "502");
  if (place === "body") return isOwnUpstreamError(difference);
  return !place.endsWith("count") || got === 1;
}

function isSeenToBeCut(difference: Difference): boolean {
  const { place, got } = difference;
  if (place === "status") return hasStatus(difference, "502");
  if (place === "body") return isCutStream(difference) || isOwnUpstreamError(difference);
  if (place === "framing") return got === "cut" || got === "length";
  return place !== "closed" || got === true;
}

/** The engine's JSON parser reads the same from both; the last of duplicate keys wins. */
function isSameJson({ want, got }: Difference, precise: boolean): boolean {
  if (typeof want !== "string" || typeof got !== "string") return !precise;
  if (!got.includes('"disaggregate_info":{') || !got.includes('"request_id":')) return false;
  try {
    const [wanted, found]: unknown[] = [JSON.parse(want), JSON.parse(got)];
    return !precise || isDeepStrictEqual(wanted, found);
  } catch {
    return false;
  }
}

export const RELAY_RULES: readonly Rule[] = [
  {
    name: "Splitwise: two fields are added, all other bytes stay",
    group: /^splitwise\//,
    place: /^received P\d body$/,
    // Where the old program lost digits or characters, only that it is JSON still can be asked.
    check: (difference, { fault = "" }) =>
      isSameJson(difference, !/encoded again|different tp sizes|no string|instance fails|brackets/.test(fault)),
  },
  {
    name: "Splitwise: two fields are added, all other bytes stay",
    group: /^splitwise\//,
    place: /^received P\d header content-length$/,
    check: ({ got }) => /^\d+$/.test(String(got)),
  },
  {
    name: "Splitwise: request ids that are no strings",
    fault: /request_id that is no string/,
    place: /^(?:status|body|closed|header .*|received P\d count|log (?:missing|surplus))$/,
    // A number or null is served by both instances; all else is refused.
    check: ({ place, got }, golden, all) => {
      const served = all.some((other) => other.place === "received P2 count" && other.got === 1);
      if (place === "status") return got === (served ? "HTTP/1.1 200 OK" : "HTTP/1.1 400 Bad Request");
      if (place === "body") return got === (served ? scripted(golden, "P2").body : BAD_REQUEST_ID);
      if (place === "closed" || place === "header connection") return !served;
      return !place.endsWith("count") || got === 1;
    },
  },
  {
    name: "Splitwise: the first failure decides, the other instance is cancelled",
    fault:
      /^an error of the prefill|quotes unescaped|no other prefill instance|waits for the headers of both|prefill read is cancelled|whole prompt is logged|truncated|cut stream/,
    place: /^(?:status|body|framing|closed|header .*|received P\d .*|log (?:missing|surplus))$/,
    check: isFirstFailure,
  },
  {
    name: "Splitwise: ipc only between equal sizes",
    fault: /ipc chosen for different tp sizes/,
    place: /^received P\d body$/,
  },
  {
    name: "Repeated fields may be joined by a comma",
    place: /header [a-z-]+$/,
    check: ({ want, got }) =>
      typeof want === "string" &&
      typeof got === "string" &&
      want.includes("\n") &&
      got.startsWith(want.replaceAll("\n", ", ")),
  },
  { name: "Unknown expectations are ignored", id: /^mixed-0249$/, place: /./, check: answeredBy(SINGLE) },
  {
    name: "HTTP/1.0 clients are answered in HTTP/1.1",
    place: /status$/,
    check: ({ want, got }) => String(want).replace("/1.0", "/1.1") === got,
  },
  {
    name: "An empty User-Agent is passed on",
    id: /^mixed-0236$/,
    place: /header user-agent$/,
    check: ({ got }) => got === "",
  },
  {
    name: "A client that closes its sending side has left",
    id: /^mixed-0334$/,
    place: /^(?:status|body|framing|closed|header .*|log (?:missing|surplus))$/,
    check: answeredBy(SINGLE),
  },
  {
    name: "No field is added to requests",
    place: /^received P\d header (?:user-agent|accept-encoding)$/,
    check: ({ want, got }) => got === undefined && (want === "gzip" || want === "Go-http-client/1.1"),
  },
  {
    name: STATUS,
    fault: /status of the instance is replaced|status of the decode instance|status lost/,
    place: /status$/,
    check: (difference, golden) =>
      difference.want === "HTTP/1.1 200 OK" &&
      hasStatus(difference, /\b\d{3}\b/.exec(golden.wanted ?? "")?.[0] ?? engineStatus(golden)),
  },
  {
    name: STATUS,
    fault: /status of the instance is replaced/,
    place: /^(?:framing|header (?:content-type|date|server))$/,
    check: ({ place, got }, { wanted }) => /^(?:204|304)/.test(wanted ?? "") && (place !== "framing" || got === "none"),
  },
  {
    name: STATUS,
    group: /^metrics\//,
    place: /^step \d+ status$/,
    // The engine's answers in turn; the first step is the scrape.
    check: (difference, golden) =>
      ["P1", "P2"].some((engine) =>
        (golden.engine_script?.[engine] ?? []).some(
          (_, turn) =>
            Number(scripted(golden, engine, turn).status) >= 400 &&
            hasStatus(difference, scripted(golden, engine, turn).status),
        ),
      ),
  },
  {
    name: "An answer without a type is plain text",
    id: /^mixed-0203$/,
    place: /header content-type$/,
    check: ({ got }) => got === "text/plain; charset=utf-8",
  },
  { name: NO_REPEAT, id: /^mixed-0222$/, place: /^(?:body|received P1 count)$/, check: isNotRepeated },
  {
    name: "Splitwise: the first failure decides, the other instance is cancelled",
    group: /^splitwise\/both-error/,
    place: /^(?:body|log (?:missing|surplus))$/,
    check: isFirstFailure,
  },
  {
    name: REDIRECT,
    fault: /redirects of an instance are followed|status lost/,
    place: /^(?:status|body|header (?:location|content-type|date|server)|received P\d count|get_requests)$/,
    check: ({ place, got }, golden) => {
      if (place === "status") return hasStatus({ place, want: undefined, got }, scripted(golden, "P1").status);
      if (place === "header location") return got === "http://127.0.0.1:{P2}/else";
      if (place === "get_requests") return isDeepStrictEqual(got, []);
      return !place.endsWith("count") || got === 0;
    },
  },
  {
    name: HOP_BY_HOP,
    fault: /hop-by-hop/,
    place: /header (?:connection|keep-alive|te|trailer|upgrade|proxy-[a-z]+|expect|x-private|x-custom)$/,
    check: ({ got }) => got === undefined,
  },
  // The engine's own length or chunks are kept.
  {
    name: BYTES,
    place: /^(?:step \d+ )?framing$/,
    check: ({ want, got }) =>
      ["length", "chunked", "close"].includes(String(want)) && ["length", "chunked"].includes(String(got)),
  },
  {
    name: BYTES,
    place: /body$/,
    check: ({ want, got }) =>
      typeof want === "string" &&
      typeof got === "string" &&
      (want === `${got}\n` || want === got.replaceAll("\r\n", "\n")),
  },
  {
    name: BYTES,
    fault: /line by line|line over 10 MiB|compressed stream|broken gzip/,
    place: /^(?:body|header content-encoding)$/,
    check: ({ place, want, got }, golden) =>
      place !== "body"
        ? got === "gzip"
        : isDeepStrictEqual(got, SINGLE[golden.id]?.["body"]) ||
          isDeepStrictEqual(Buffer.concat([base64(got), NEWLINE]), base64(want)) ||
          (typeof got === "string" && got !== "" && scripted(golden, "P1").body.includes(got)),
  },
  {
    name: CUT,
    fault: /cut by the instance|truncated|cut stream ends|malformed chunked/,
    place: /^(?:status|body|framing|closed|header (?:content-type|date|server|content-length))$/,
    check: isSeenToBeCut,
  },
  {
    name: NO_REPEAT,
    fault: /repeat|malformed answer is retried/,
    place: /^(?:status|body|header (?:date|server|content-type)|received P\d count)$/,
    check: isNotRepeated,
  },
  {
    name: "Trailers are dropped, and their announcement",
    fault: /trailers of the instance are lost/,
    place: /header trailer$/,
    check: ({ got }) => got === undefined,
  },
  {
    name: "IPv6 addresses stand in brackets",
    fault: /brackets|another spelling of one address/,
    place: /^(?:received P\d header host|header x-router-(?:decode|prefill)-url|log (?:missing|surplus))$/,
    check: ({ place, got }) => place === "log missing" || /\[::1\]:\{P\d\}/.test(String(got)),
  },
  {
    name: "A router header cannot come from an instance",
    place: /header x-router-(?:decode|prefill)-url$/,
    check: ({ got }) => got === undefined || (typeof got === "string" && /^http:\/\/127\.0\.0\.1:\{P\d\}$/.test(got)),
  },
];
