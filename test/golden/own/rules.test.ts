/** The rules of the replay must not take a mistake of ours for a meant difference: no corpus is needed to ask them. */
import { describe, expect, test } from "bun:test";
import type { Difference } from "../compare.ts";
import type { GoldenCase } from "../corpus.ts";
import { explain } from "../differences.ts";

const LINE = "[ERROR] {ts} logger.go:{n}: ";
const PROTOCOL: GoldenCase = { file: "mixed", id: "mixed-0106", group: "protocol-pipeline", mode: "mixed" };
const EMPTY_FLEET: GoldenCase = {
  file: "mixed",
  id: "mixed-0000",
  group: "no-instance",
  mode: "mixed",
  got: { body: '{"error": "Failed to select worker: no healthy workers available"}' },
};
const REFUSAL = {
  message: "Failed to select worker: no healthy workers available",
  type: "overloaded_error",
  param: null,
};

function body(error: object): Difference {
  return { place: "body", want: EMPTY_FLEET.got?.body, got: JSON.stringify({ error }) };
}
const STATUS: Difference = {
  place: "status",
  want: "HTTP/1.1 502 Bad Gateway",
  got: "HTTP/1.1 503 Service Unavailable",
};

describe("a rule takes", () => {
  test("the documented error", () => {
    const difference = body({ ...REFUSAL, code: "no_instance" });
    expect(explain(EMPTY_FLEET, difference, [difference, STATUS])?.name).toBe(
      "Errors of the router are OpenAI error objects",
    );
    expect(explain(EMPTY_FLEET, STATUS, [difference, STATUS])?.name).toBe("An empty fleet is 503 with Retry-After");
  });
});

describe("no rule takes", () => {
  test.each([
    ["another text", { ...REFUSAL, message: "Failed to select workers", code: "no_instance" }, STATUS],
    ["another type", { ...REFUSAL, type: "server_error", code: "no_instance" }, STATUS],
    ["the code of another error", { ...REFUSAL, code: "draining" }, STATUS],
    ["another status", { ...REFUSAL, code: "no_instance" }, { ...STATUS, got: "HTTP/1.1 500 Internal Server Error" }],
  ])("an error with %s", (_, error, status) => {
    const difference = body(error);
    expect(explain(EMPTY_FLEET, difference, [difference, status])).toBeNull();
  });

  test.each([`${LINE}Panic recovered: TypeError: x is not a function`, `${LINE}something new`])(
    "the line %j",
    (line) => {
      const difference = { place: "log surplus", want: undefined, got: line };
      expect(explain(PROTOCOL, difference, [difference])).toBeNull();
    },
  );

  test("an answer where there is to be none", () => {
    const difference = { place: "status", want: "HTTP/1.1 200 OK", got: "HTTP/1.1 500 Internal Server Error" };
    expect(explain(PROTOCOL, difference, [difference])).toBeNull();
  });

  test.each(["9", "soon"])("Retry-After %j", (got) => {
    const difference = { place: "header retry-after", want: undefined, got };
    expect(explain(EMPTY_FLEET, difference, [difference, STATUS])).toBeNull();
  });
});
