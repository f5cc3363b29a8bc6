import { expect, test } from "bun:test";
import { instanceId } from "../../src/fleet/instance.ts";
import { strategyText } from "../../src/proxy/strategy-text.ts";

const A = instanceId("http", "10.0.0.1", 8000);
const B = instanceId("http", "10.0.0.2", 8000);

test("a choice is told in the Go router's words", () => {
  const loads = [
    [A, 1],
    [B, 0],
  ] as const;
  expect(strategyText({ kind: "scored", selected: B, loads, hitPercents: [[B, 66]] })).toBe(
    `cache_aware_scoring, selected=${B}, loads=map[${A}:1 ${B}:0], hitRatios=map[${B}:66]`,
  );
  expect(strategyText({ kind: "scored", selected: A, loads, hitPercents: [] })).toEndWith("hitRatios=map[]");
  expect(strategyText({ kind: "imbalanced", loads })).toBe(
    `process_tokens, reason: load imbalanced, loads=map[${A}:1 ${B}:0]`,
  );
  expect(strategyText({ kind: "no-prompt" })).toBe(
    "process_tokens, reason: tokenize failed: empty prompt for tokenizer",
  );
});
