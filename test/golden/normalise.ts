/** Takes out of what was seen what differs from run to run: the same names as in the recordings. Used by play.ts and compare.ts. */
import type { RecordedAnswer } from "./corpus.ts";

type Clean = (text: string) => string;

const UUID = /\b[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\b/g;

export function cleanText(text: string, clean: Clean): string {
  return clean(text.replaceAll(UUID, "{uuid}"));
}

export function cleanAnswer(answer: RecordedAnswer, clean: Clean): RecordedAnswer {
  const { headers = [], body } = answer;
  return {
    ...answer,
    headers: headers.map(([name, value]): [string, string] => [name, cleanHeader(name, value, clean)]),
    ...(typeof body === "string" ? { body: cleanText(body, clean) } : {}),
  };
}

function cleanHeader(name: string, value: string, clean: Clean): string {
  // Engines send 1 January 2026; every other date was made by the router.
  if (name.toLowerCase() === "date" && !value.includes("01 Jan 2026")) return "{date}";
  return cleanText(value, clean);
}

export function cleanLog(text: string, clean: Clean): readonly string[] {
  return text
    .split("\n")
    .filter(Boolean)
    .map((line) => cleanLine(line, clean));
}

export function cleanLine(line: string, clean: Clean): string {
  return cleanText(
    line
      .replace(/\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d/, "{ts}")
      .replace(/logger\.go:\d+/, "logger.go:{n}")
      .replace(/ts_ms=\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+/, "ts_ms={ts_ms}")
      .replace(/(HTTP\/\d\.\d \d{3}) (?:\d+(?:\.\d+)?(?:h|ms|m|µs|ns|s))+ /, "$1 {latency} ")
      .replaceAll(/127\.0\.0\.1:\d+->/g, "127.0.0.1:{EPH}->"),
    clean,
  );
}
