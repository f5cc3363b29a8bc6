/** Compares what was seen with what was recorded, as the corpus' README says. Each difference names its place, so that a rule can match it. */
import { isDeepStrictEqual } from "node:util";
import type { GoldenCase, Recorded, RecordedAnswer, RecordedRequest } from "./corpus.ts";
import type { Seen } from "./play.ts";

export interface Difference {
  /** Such as `status`, `header content-type`, `body`, `log missing`, `received P1 header te`. */
  readonly place: string;
  /** Undefined: nothing was recorded there, resp. nothing was seen. */
  readonly want: unknown;
  readonly got: unknown;
}

export function compare(golden: GoldenCase, seen: Seen): readonly Difference[] {
  const found: Difference[] = [];
  if (golden.got !== undefined) found.push(...answerDifferences("", golden.got, seen.got ?? {}));
  golden.steps?.forEach((step, index) => {
    if (step.got !== undefined) found.push(...answerDifferences(`step ${index} `, step.got, seen.steps?.[index] ?? {}));
    if (step.router_families !== undefined) {
      found.push(...familyDifferences(step.router_families, seen.families?.[index] ?? ""));
    }
  });
  golden.ops?.forEach(({ chosen }, index) => {
    if (chosen !== undefined) found.push(...valueDifference(`chosen ${index}`, chosen, seen.chosen?.[index]));
  });
  if (golden.received !== undefined) found.push(...receivedDifferences(golden.received, seen.received ?? []));
  if (golden.get_requests !== undefined) {
    found.push(...valueDifference("get_requests", golden.get_requests, seen.get_requests));
  }
  if (golden.registered !== undefined) found.push(...valueDifference("registered", golden.registered, seen.registered));
  if (golden.registered_number !== undefined) {
    found.push(...valueDifference("registered_number", golden.registered_number, seen.registered_number));
  }
  if (golden.log !== undefined) found.push(...lineDifferences("log", golden.log, seen.log ?? []));
  return found;
}

export function valueDifference(place: string, want: unknown, got: unknown): readonly Difference[] {
  return isDeepStrictEqual(want, got) ? [] : [{ place, want, got }];
}

function answerDifferences(at: string, want: RecordedAnswer, got: RecordedAnswer): readonly Difference[] {
  if (want.client !== undefined) return [];
  const found: Difference[] = [...valueDifference(`${at}status`, want.status, got.status)];
  if (want.headers !== undefined) found.push(...headerDifferences(`${at}header`, want.headers, got.headers ?? []));
  if (want.body !== undefined) found.push(...bodyDifference(`${at}body`, want.body, got.body));
  if (want.framing !== undefined) found.push(...valueDifference(`${at}framing`, want.framing, got.framing));
  if (want.closed !== undefined) found.push(...valueDifference(`${at}closed`, want.closed, got.closed));
  return found;
}

function bodyDifference(place: string, want: Recorded, got: Recorded | undefined): readonly Difference[] {
  // The text of the page is compared family by family.
  if (want === "{metrics text}") return [];
  const families =
    typeof want === "string" ? /^\{only the families of the router\}\n(.*)$/s.exec(want)?.[1] : undefined;
  return families === undefined
    ? valueDifference(place, want, got)
    : familyDifferences(families, typeof got === "string" ? got : "");
}

type Headers = readonly (readonly [string, string])[];

/** Names without case and without order; values of repeated names in order. Framing fields are judged as `framing`. */
function headerDifferences(place: string, want: Headers, got: Headers): readonly Difference[] {
  const [wanted, found] = [valuesByName(want), valuesByName(got)];
  return [...new Set([...wanted.keys(), ...found.keys()])]
    .filter((name) => name !== "transfer-encoding")
    .flatMap((name) => valueDifference(`${place} ${name}`, wanted.get(name), found.get(name)));
}

function valuesByName(headers: Headers): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  for (const [name, value] of headers) {
    const lower = name.toLowerCase();
    const before = values.get(lower);
    values.set(lower, before === undefined ? value : `${before}\n${value}`);
  }
  return values;
}

function receivedDifferences(want: readonly RecordedRequest[], got: readonly RecordedRequest[]): readonly Difference[] {
  const engines = [...new Set([...want, ...got].map(({ engine }) => engine))].toSorted();
  return engines.flatMap((engine) => {
    const [wanted, found] = [want, got].map((all) => all.filter((request) => request.engine === engine));
    const count = valueDifference(`received ${engine} count`, wanted?.length, found?.length);
    const common = Math.min(wanted?.length ?? 0, found?.length ?? 0);
    const each = Array.from({ length: common }, (_, index) =>
      requestDifferences(`received ${engine}`, wanted?.[index], found?.[index]),
    );
    return [...count, ...each.flat()];
  });
}

function requestDifferences(
  place: string,
  want: RecordedRequest | undefined,
  got: RecordedRequest | undefined,
): readonly Difference[] {
  if (want === undefined || got === undefined) return [];
  const [wantLine = "", ...wantFields] = headText(want.head).trimEnd().split("\r\n");
  const [gotLine = "", ...gotFields] = headText(got.head).trimEnd().split("\r\n");
  return [
    ...valueDifference(`${place} request line`, wantLine, gotLine),
    ...headerDifferences(`${place} header`, wantFields.map(splitField), gotFields.map(splitField)),
    ...valueDifference(`${place} body`, want.body, got.body),
  ];
}

/** Bytes that are no text are compared one character a byte. */
function headText(head: Recorded): string {
  if (typeof head === "string") return head;
  if (!("b64" in head)) return head.head + head.tail;
  // The engine's port could not be taken out of these.
  return Buffer.from(head.b64, "base64")
    .toString("latin1")
    .replace(/(\r\nHost: 127\.0\.0\.1:)\d+/i, "$1{P1}");
}

function splitField(line: string): readonly [string, string] {
  const colon = line.indexOf(":");
  return [line.slice(0, colon), line.slice(colon + 1).trim()];
}

/** Lines that are missing and lines too many; their order when there are none of these. */
export function lineDifferences(place: string, want: readonly string[], got: readonly string[]): readonly Difference[] {
  const surplus = [...got];
  const missing = want.filter((line) => {
    const at = surplus.indexOf(line);
    if (at >= 0) surplus.splice(at, 1);
    return at < 0;
  });
  const found = [
    ...missing.map((line): Difference => ({ place: `${place} missing`, want: line, got: undefined })),
    ...surplus.map((line): Difference => ({ place: `${place} surplus`, want: undefined, got: line })),
  ];
  if (found.length > 0 || isDeepStrictEqual(withoutPrefill(want), withoutPrefill(got))) return found;
  return [{ place: `${place} order`, want, got }];
}

/** Lines from the reader of the prefill answer may stand anywhere after the selection. */
function withoutPrefill(lines: readonly string[]): readonly string[] {
  const prefills = new Set(lines.flatMap((line) => /select worker \(prefill\): (\S+),/.exec(line)?.[1] ?? []));
  return lines.filter((line) => {
    if (line.includes("[prefill] ")) return false;
    const released = /release (?:worker|prefill tokens): (\S+?),/.exec(line)?.[1];
    return released === undefined || !prefills.has(released);
  });
}

/** The recorded families must be in the page as they are; ours may have more. */
function familyDifferences(want: string, page: string): readonly Difference[] {
  const lines = new Set(page.split("\n"));
  return want
    .split("\n")
    .filter((line) => !lines.has(line))
    .map((line): Difference => ({
      place: "metrics missing",
      want: line,
      got: lines.size > 1 ? "(not on the page)" : page,
    }));
}
