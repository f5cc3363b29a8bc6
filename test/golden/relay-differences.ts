/** Meant differences in what engines receive and what clients get of their answers. */
import { isDeepStrictEqual } from "node:util";
import type { Difference } from "./compare.ts";
import type { Rule } from "./differences.ts";

const BYTES = "Answers are relayed byte for byte";
const STATUS = "The status of the instance is relayed";
const HOP_BY_HOP = "Hop-by-hop fields stay on their connection";
const CUT = "A cut answer is seen to be cut";
const NO_REPEAT = "Only what cannot have run is sent again";
const REDIRECT = "Redirects of an instance go to the client";

/** The engine's JSON parser reads the same from both; the last of duplicate keys wins. */
function isSameJson({ want, got }: Difference, precise: boolean): boolean {
  if (typeof want !== "string" || typeof got !== "string") return !precise;
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
  },
  {
    name: "Splitwise: request ids that are no strings",
    fault: /request_id that is no string/,
    place: /^(?:status|body|framing|closed|header .*|received P\d .*|log (?:missing|surplus))$/,
    check: ({ place, got }) => place !== "status" || /^HTTP\/1\.1 (?:200|400)/.test(String(got)),
  },
  {
    name: "Splitwise: the first failure decides, the other instance is cancelled",
    fault:
      /^an error of the prefill|quotes unescaped|no other prefill instance|waits for the headers of both|prefill read is cancelled|whole prompt is logged|truncated|cut stream/,
    place: /^(?:status|body|framing|closed|header .*|received P\d .*|log (?:missing|surplus))$/,
    check: ({ place, got }) => place !== "status" || /^HTTP\/1\.1 (?:[45]\d\d|200)/.test(String(got)),
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
  { name: "Unknown expectations are ignored", id: /^mixed-0249$/, place: /./ },
  {
    name: "HTTP/1.0 clients are answered in HTTP/1.1",
    place: /status$/,
    check: ({ want, got }) => String(want).replace("/1.0", "/1.1") === got,
  },
  { name: "An empty User-Agent is passed on", id: /^mixed-0236$/, place: /header user-agent$/ },
  {
    name: "A client that closes its sending side has left",
    id: /^mixed-0334$/,
    place: /^(?:status|body|framing|closed|header .*|log (?:missing|surplus))$/,
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
    check: ({ want, got }, { wanted = "" }) =>
      want === "HTTP/1.1 200 OK" &&
      String(got).slice(9, 12) === (/\b\d{3}\b/.exec(wanted)?.[0] ?? String(got).slice(9, 12)),
  },
  {
    name: STATUS,
    fault: /status of the instance is replaced/,
    place: /^(?:framing|header (?:content-type|date|server))$/,
    check: (_, { wanted }) => /^(?:204|304)/.test(wanted ?? ""),
  },
  {
    name: STATUS,
    group: /^metrics\//,
    place: /^step \d+ status$/,
    check: ({ got }) => /^HTTP\/1\.1 [45]\d\d/.test(String(got)),
  },
  { name: "An answer without a type is plain text", id: /^mixed-0203$/, place: /header content-type$/ },
  { name: NO_REPEAT, id: /^mixed-0222$/, place: /^(?:body|received P1 count)$/ },
  {
    name: "Splitwise: the first failure decides, the other instance is cancelled",
    group: /^splitwise\/both-error/,
    place: /^(?:body|log (?:missing|surplus))$/,
  },
  {
    name: REDIRECT,
    fault: /redirects of an instance are followed|status lost/,
    place:
      /^(?:status|body|header (?:location|content-type|date|server)|received P\d (?:count|header referer)|get_requests)$/,
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
    place: /^(?:body|framing|header content-encoding)$/,
  },
  {
    name: CUT,
    fault: /cut by the instance|truncated|cut stream ends|malformed chunked/,
    place: /^(?:status|body|framing|closed|header (?:content-type|date|server|content-length))$/,
    check: ({ place, got }) => place !== "status" || got === "HTTP/1.1 502 Bad Gateway",
  },
  {
    name: NO_REPEAT,
    fault: /repeat|malformed answer is retried/,
    place: /^(?:status|body|header (?:date|server|content-type)|received P\d .*)$/,
    check: ({ place, got }) => place !== "status" || got === "HTTP/1.1 502 Bad Gateway",
  },
  {
    name: "Trailers are dropped, and their announcement",
    fault: /trailers of the instance are lost/,
    place: /header trailer$/,
  },
  { name: "IPv6 addresses stand in brackets", fault: /brackets|another spelling of one address/, place: /./ },
  { name: "A router header cannot come from an instance", place: /header x-router-(?:decode|prefill)-url$/ },
];
