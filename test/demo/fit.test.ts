import { describe, expect, test } from "bun:test";
import { synthesizeTrace } from "../../src/demo/fit.ts";
import { createRandom } from "../../src/lib/random.ts";

const LEVELS = [0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99];
/** Of the published trace, at LEVELS. */
const PROMPT_QUANTILES = [181, 207, 396, 1020, 1189, 2735, 4083, 4142];
const OUTPUT_QUANTILES = [41, 54, 85, 129, 395, 424, 451, 601];

function quantiles(values: readonly number[]): number[] {
  const sorted = values.toSorted((a, b) => a - b);
  return LEVELS.map((level) => sorted[Math.floor(level * sorted.length)] ?? 0);
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function expectClose(actual: readonly number[], wanted: readonly number[]): void {
  for (const [index, value] of actual.entries()) {
    const target = wanted[index] ?? 0;
    expect(Math.abs(value - target) / target).toBeLessThan(0.12);
  }
}

describe("the synthetic trace", () => {
  const { requests } = synthesizeTrace(20_000, createRandom(7));

  test("has the quantiles of the published one, within 12 %", () => {
    expectClose(quantiles(requests.map((request) => request.promptTokens)), PROMPT_QUANTILES);
    expectClose(quantiles(requests.map((request) => request.outputTokens)), OUTPUT_QUANTILES);
  });

  test("has the published mean lengths and rate, within 5 %", () => {
    expect(Math.abs(mean(requests.map((request) => request.promptTokens)) / 1155 - 1)).toBeLessThan(0.05);
    expect(Math.abs(mean(requests.map((request) => request.outputTokens)) / 211 - 1)).toBeLessThan(0.05);
    expect(Math.abs((requests.at(-1)?.atMs ?? 0) / 20_000 / 180.8 - 1)).toBeLessThan(0.05);
  });

  test("is the same for the same seed and another for another", () => {
    expect(synthesizeTrace(50, createRandom(3))).toEqual(synthesizeTrace(50, createRandom(3)));
    expect(synthesizeTrace(50, createRandom(3))).not.toEqual(synthesizeTrace(50, createRandom(4)));
  });

  test("arrives in order, with whole positive lengths within the published extremes", () => {
    let previous = 0;
    for (const { atMs, promptTokens, outputTokens } of requests) {
      expect(atMs).toBeGreaterThanOrEqual(previous);
      previous = atMs;
      expect(Number.isInteger(promptTokens) && promptTokens >= 1 && promptTokens <= 14_050).toBe(true);
      expect(Number.isInteger(outputTokens) && outputTokens >= 1 && outputTokens <= 1000).toBe(true);
    }
  });

  test("names its source", () => {
    expect(synthesizeTrace(2, createRandom(1)).name).toContain("Patel et al., ISCA 2024");
  });
});
