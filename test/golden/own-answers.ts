/** What is wanted instead of what was recorded, word for word, where a rule is for single cases. Used by the files of rules. */
import { isDeepStrictEqual } from "node:util";
import type { Difference } from "./compare.ts";
import type { GoldenCase, Script } from "./corpus.ts";
import type { Rule } from "./differences.ts";

type Check = NonNullable<Rule["check"]>;

/** By case, then by place. Null: nothing is to be there. Lines of the log are judged by own-forms.ts, and by the status of the access line. */
export type OwnAnswers = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

export function answeredBy(answers: OwnAnswers): Check {
  return ({ place, got }, { id }) => {
    const answer = answers[id];
    if (answer === undefined) return false;
    if (!/^log (?:missing|surplus)$/.test(place)) {
      return Object.hasOwn(answer, place) && isDeepStrictEqual(answer[place], got ?? null);
    }
    // The access line has the status of the answer; 499 where none could be made.
    const logged = /HTTP\/1\.1 (\d{3}) \{latency\}/.exec(String(got))?.[1];
    const { status } = answer;
    return logged === undefined || logged === "499" || typeof status !== "string" || status.includes(` ${logged} `);
  };
}

/** Status line and body that an engine's script begins with. */
export function scripted(
  golden: GoldenCase,
  engine: string,
  turn = 0,
): { readonly status: string; readonly body: string } {
  const [head = "", ...body] = sentBy(golden.engine_script?.[engine]?.[turn] ?? []).split("\r\n\r\n");
  return { status: /^HTTP\/1\.1 (\d{3})/.exec(head)?.[1] ?? "", body: body.join("\r\n\r\n") };
}

function sentBy(script: Script): string {
  return script.map(({ send }) => (typeof send === "string" ? send : "")).join("");
}

export function hasStatus(difference: Difference, status: string): boolean {
  return String(difference.got).startsWith(`HTTP/1.1 ${status} `);
}

const CUT =
  'data: {"error":{"message":"the answer was cut by the instance","type":"server_error","param":null,"code":"upstream_failed"}}';

/** What had come, the open event closed, and an error event. */
export function isCutStream({ want, got }: Difference): boolean {
  if (typeof want !== "string" || typeof got !== "string" || !got.endsWith(`\n\n${CUT}\n\n`)) return false;
  return got.slice(0, -CUT.length - 2).trimEnd() === want.trimEnd();
}

export function isOwnUpstreamError({ got }: Difference): boolean {
  return /^\{"error":\{"message":".+","type":"server_error","param":null,"code":"upstream_(?:failed|invalid)"\}\}$/.test(
    String(got),
  );
}
