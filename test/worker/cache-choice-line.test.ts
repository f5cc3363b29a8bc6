import { expect, test } from "bun:test";
import { instanceId } from "../../src/fleet/instance.ts";
import { cacheChoiceLine } from "../../src/worker/cache-choice-line.ts";

const A = instanceId("http", "10.0.0.1", 8000);
const B = instanceId("http", "10.0.0.2", 8000);
const NOON = new Date(2026, 2, 30, 12, 5, 9, 42);
const AT = "ts_ms=2026-03-30 12:05:09.042";

test("a choice is told in the Go router's words, with local time", () => {
  const loads = [
    [A, 1],
    [B, 0],
  ] as const;
  expect(cacheChoiceLine({ kind: "scored", selected: B, loads, hitPercents: [[B, 66]] }, NOON)).toBe(
    `cache-aware prefill: final strategy: cache_aware_scoring, selected=${B}, loads=map[${A}:1 ${B}:0], hitRatios=map[${B}:66]. ${AT}`,
  );
  expect(cacheChoiceLine({ kind: "scored", selected: A, loads, hitPercents: [] }, NOON)).toContain("hitRatios=map[]. ");
  expect(cacheChoiceLine({ kind: "imbalanced", loads }, NOON)).toBe(
    `cache-aware prefill: final strategy: process_tokens, reason: load imbalanced, loads=map[${A}:1 ${B}:0]. ${AT}`,
  );
  expect(cacheChoiceLine({ kind: "no-prompt" }, NOON)).toBe(
    `cache-aware prefill: final strategy: process_tokens, reason: tokenize failed: empty prompt for tokenizer. ${AT}`,
  );
});
