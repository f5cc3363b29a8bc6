/**
 * A trace drawn from distributions fitted to a published one, for a demo without files. Called by demo.ts.
 *
 * Source: the conversation trace of Patel et al., "Splitwise", ISCA 2024 (Azure/AzurePublicDataset,
 * AzureLLMInferenceTrace_conv.csv, CC-BY 4.0): 19,366 requests of one hour of 2023-11-16.
 * Lengths: a mixture of nine pairs of lognormals, fitted to (log prompt, log answer) by expectation maximisation, since the
 * trace has several kinds of requests (short answers to 400-token prompts, 405-token answers to 1,072-token prompts, ...).
 * Arrivals: a Poisson process; within a minute the trace's are (coefficient of variation 1.09 over the whole hour).
 */
import type { Random } from "../lib/random.ts";
import type { TraceRequest } from "./trace-request.ts";
import type { Trace } from "./trace.ts";

interface LengthComponent {
  readonly weight: number;
  readonly promptMedian: number;
  readonly promptSigma: number;
  readonly outputMedian: number;
  readonly outputSigma: number;
}

const COMPONENTS: readonly LengthComponent[] = [
  component(0.2723, [1072, 0.068], [405, 0.046]),
  component(0.2432, [399, 0.042], [94, 0.246]),
  component(0.1102, [1203, 0.283], [106, 0.526]),
  component(0.0881, [197, 0.079], [152, 0.351]),
  component(0.0872, [2387, 0.379], [86, 0.432]),
  component(0.0756, [4088, 0.02], [56, 0.495]),
  component(0.0577, [1080, 0.065], [515, 0.182]),
  component(0.0421, [240, 0.53], [37, 0.964]),
  component(0.0235, [43, 1.166], [142, 0.289]),
];

/** The trace's own extremes: a draw beyond them is pulled back. */
const MAX_PROMPT_TOKENS = 14_050;
const MAX_OUTPUT_TOKENS = 1000;
/** Mean time between arrivals in the trace. */
const MEAN_GAP_MS = 180.8;

export function synthesizeTrace(count: number, random: Random): Trace {
  const requests: TraceRequest[] = [];
  let atMs = 0;
  for (let i = 0; i < count; i++) {
    requests.push({ atMs, ...drawLengths(random), blockIds: null });
    atMs -= Math.log(1 - random()) * MEAN_GAP_MS;
  }
  return { name: "synthetic, fitted to the Azure 2023 conversation trace (Patel et al., ISCA 2024)", requests };
}

function drawLengths(random: Random): { readonly promptTokens: number; readonly outputTokens: number } {
  const kind = drawComponent(random);
  return {
    promptTokens: drawTokens(random, kind.promptMedian, kind.promptSigma, MAX_PROMPT_TOKENS),
    outputTokens: drawTokens(random, kind.outputMedian, kind.outputSigma, MAX_OUTPUT_TOKENS),
  };
}

function drawComponent(random: Random): LengthComponent {
  let rest = random();
  for (const kind of COMPONENTS) {
    rest -= kind.weight;
    if (rest < 0) return kind;
  }
  // Rounding left the weights a hair below 1.
  return COMPONENTS[0] ?? component(1, [1, 0], [1, 0]);
}

function drawTokens(random: Random, median: number, sigma: number, max: number): number {
  const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  return Math.min(max, Math.max(1, Math.round(median * Math.exp(sigma * normal))));
}

function component(
  weight: number,
  [promptMedian, promptSigma]: readonly [number, number],
  [outputMedian, outputSigma]: readonly [number, number],
): LengthComponent {
  return { weight, promptMedian, promptSigma, outputMedian, outputSigma };
}
