import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { readBodyFields, type BodyFields, type RequestIdField } from "../../src/proxy/body-fields.ts";

/** The slow twin: the same reading by a full parse. Null when the body is no JSON object. */
function parsed(body: Buffer): BodyFields | null {
  let value: Record<string, unknown>;
  try {
    value = JSON.parse(Buffer.from(body).toString());
  } catch {
    return null;
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return null;
  const own = (object: unknown, key: string): unknown =>
    typeof object === "object" && object !== null && Object.hasOwn(object, key)
      ? (object as Record<string, unknown>)[key]
      : undefined;
  const text = (found: unknown): string | null => (typeof found === "string" && found !== "" ? found : null);
  return {
    model: text(own(value, "model")),
    stream: own(value, "stream") === true,
    sessionId: text(own(value, "session_id")) ?? text(own(own(value, "extra_body"), "session_id")),
    reqId: text(own(value, "req_id")),
    requestId: requestId(own(value, "request_id")),
    hasPrompt: true,
  };
}

function requestId(value: unknown): RequestIdField {
  if (value === undefined || value === null) return { kind: "absent" };
  if (typeof value === "string") return { kind: "text", value };
  return typeof value === "number" ? { kind: "number", value: String(value) } : { kind: "invalid" };
}

const NAMES = ["stream", "model", "session_id", "request_id", "extra_body"];
const key = fc.oneof(
  { arbitrary: fc.constantFrom(...NAMES), weight: 3 },
  { arbitrary: fc.constantFrom("a", 'x"stream', "\\", 'model"', "é", "__proto__"), weight: 2 },
);
const piece = fc.constantFrom(
  "stream",
  '"',
  "\\",
  '"stream"',
  '"model":',
  "{",
  "}",
  "[",
  "]",
  "é",
  "😀",
  "a",
  "\n",
  ":",
  "true",
  " ",
);
const string = fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join(""));
const { object } = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom(true, false, null, 0, -1.5, 1e21, 12),
    string,
    fc.array(tie("value"), { maxLength: 4 }),
    tie("object"),
  ),
  object: fc.array(fc.tuple(key, tie("value")), { maxLength: 6 }).map((entries) => new Entries(entries)),
}));

/** Keys may repeat, which no JavaScript object can say. */
class Entries {
  readonly entries: readonly [string, unknown][];

  constructor(entries: readonly [string, unknown][]) {
    this.entries = entries;
  }
}

function write(value: unknown, space: string): string {
  if (Array.isArray(value))
    return `[${space}${value.map((each) => write(each, space)).join(`${space},${space}`)}${space}]`;
  if (!(value instanceof Entries)) return JSON.stringify(value);
  const written = value.entries.map(([name, each]) => `${JSON.stringify(name)}${space}:${space}${write(each, space)}`);
  return `{${space}${written.join(`,${space}`)}${space}}`;
}

const space = fc.constantFrom("", " ", "\n", "\t \r\n");
const long = fc.tuple(object, fc.nat(10), fc.nat(3), space).map(([root, at, size, blanks]) => {
  const entries = [...root.entries];
  entries.splice(at % (entries.length + 1), 0, ["filler", 'f"\\{['.repeat(700 * (size + 1))]);
  if (size === 3) entries.push(["filler2", "g".repeat(5000)]);
  return Buffer.from(blanks + write(new Entries(entries), blanks) + blanks);
});

/** Whether there is a prompt is taken for granted in a long body, unless it had to be parsed: not compared. */
function fields(body: Buffer): BodyFields | null {
  const result = readBodyFields(body);
  return result.ok ? { ...result.fields, hasPrompt: true } : null;
}

test("a long body is read as a full parse reads it", () => {
  fc.assert(
    fc.property(long, (body) => {
      expect(fields(body)).toEqual(parsed(body));
    }),
    { seed: 6, numRuns: 400 },
  );
});

test("a short body is read as a full parse reads it", () => {
  fc.assert(
    fc.property(object, space, (root, blanks) => {
      const body = Buffer.from(write(root, blanks));
      expect(fields(body)).toEqual(parsed(body));
    }),
    { seed: 7, numRuns: 300 },
  );
});

describe("what has fooled searches", () => {
  const filler = `"filler":"${"f".repeat(5000)}"`;
  test.each([
    ["a key that ends like the name", `{"x\\"stream":true,${filler}}`],
    ["a value of that name", `{"a":"stream",${filler}}`],
    ["a nested key", `{"a":{"stream":true},${filler}}`],
    ["a nested key after a bracket in a string", `{"a":"}","b":{"stream":true},${filler}}`],
    ["a quoted key in a prompt", `{"prompt":"\\"stream\\": true",${filler}}`],
    ["the name twice", `{"stream":false,${filler},"stream":true}`],
    ["the name behind the filler", `{${filler},"stream":true,"model":"m"}`],
    ["the name between two fillers", `{${filler},"stream":true,"model":"m","filler2":"${"g".repeat(5000)}"}`],
    ["blanks around the colon", `{"stream" \n:\t true,${filler}}`],
    ["a number that begins like true", `{"stream":"true",${filler}}`],
    ["escapes in the model", `{"model":"a\\"b\\u00e9",${filler}}`],
    ["a session id in extra_body", `{${filler},"extra_body":{"session_id":"s"}}`],
    ["a session id of both kinds", `{"session_id":"","extra_body":{"session_id":"s"},${filler}}`],
  ])("%s", (_, text) => {
    expect(fields(Buffer.from(text))).toEqual(parsed(Buffer.from(text)));
  });
});

describe("refused", () => {
  test.each([
    ["", "unexpected end"],
    ["[]", "cannot unmarshal array"],
    ["null", "null"],
    ["3", "cannot unmarshal number"],
    ['"x"', "cannot unmarshal string"],
    ["{", ""],
    ["\ufeff{}", ""],
    ["{} {}", ""],
    [`[${"1,".repeat(3000)}1]`, "cannot unmarshal array"],
    ["x".repeat(5000), ""],
  ])("%j", (text, problem) => {
    const result = readBodyFields(Buffer.from(text));
    expect(result.ok).toBe(false);
    if (!result.ok) expect(result.problem).toContain(problem);
  });

  test("no problem quotes the prompt", () => {
    const result = readBodyFields(Buffer.from('{"prompt":"my secret, "model":1}'));
    expect(result.ok ? "" : result.problem).not.toContain("secret");
  });
});

test("a body is taken where it lies in its buffer", () => {
  const around = Buffer.from('xx{"stream":true}yy');
  expect(fields(around.subarray(2, -2))?.stream).toBe(true);
});
