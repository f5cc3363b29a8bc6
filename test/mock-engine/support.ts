/** What the mock's tests share: an engine run in simulated time, and a mock on a free port. */
import { Engine, type EngineLimits } from "../../src/mock-engine/engine.ts";
import { startMockEngine, type MockEngine } from "../../src/mock-engine/mock-engine.ts";
import { mockEngineOptions, type MockEngineOptions } from "../../src/mock-engine/options.ts";
import type { Sequence } from "../../src/mock-engine/sequence.ts";
import { PRESETS } from "../../src/mock-engine/timing.ts";

export const TIMING = PRESETS.small.timing;

export const LIMITS: EngineLimits = {
  maxNumSeqs: 4,
  maxNumBatchedTokens: 1024,
  blocks: 200,
  prefixCaching: true,
  preemptionEnds: false,
};

export interface Tracked {
  readonly sequence: Sequence;
  readonly tokenTimesMs: number[];
  finishedMs: number | null;
}

/** An engine with its own clock. */
export class Simulation {
  readonly engine: Engine;
  nowMs = 0;

  constructor(limits: Partial<EngineLimits> = {}) {
    this.engine = new Engine({ ...LIMITS, ...limits }, TIMING);
  }

  submit(promptTokens: number, outputTokens: number, blockKeys: readonly number[] = []): Tracked {
    const tokenTimesMs: number[] = [];
    const sink = {
      token: (_: Sequence, nowMs: number) => void tokenTimesMs.push(nowMs),
      finished: (_: Sequence, nowMs: number) => void (record.finishedMs = nowMs),
    };
    const request = { promptTokens, outputTokens, blockKeys, arrivalMs: this.nowMs, sink };
    const record: Tracked = { sequence: this.engine.submit(request), tokenTimesMs, finishedMs: null };
    return record;
  }

  /** One step; false when there was nothing to do. */
  step(): boolean {
    const lengthMs = this.engine.begin(this.nowMs);
    if (lengthMs === null) return false;
    this.nowMs += lengthMs;
    this.engine.commit(this.nowMs);
    return true;
  }

  run(maxSteps = 10_000): void {
    for (let i = 0; i < maxSteps; i++) if (!this.step()) return;
    throw new Error(`engine still busy after ${maxSteps} steps`);
  }
}

export function ttftMs(record: Tracked): number {
  return (record.tokenTimesMs[0] ?? NaN) - record.sequence.request.arrivalMs;
}

/** Keys of a prompt of that many full blocks; prompts of the same `family` share their beginnings. */
export function keys(family: number, blocks: number): number[] {
  return Array.from({ length: blocks }, (_, i) => family * 1000 + i);
}

export function startFast(overrides: Partial<MockEngineOptions> = {}): MockEngine {
  return startMockEngine(mockEngineOptions({ timeScale: 200, ...overrides }));
}

export function chatBody(overrides: object = {}): string {
  const messages = [{ role: "user", content: "Tell me of the sea" }];
  return JSON.stringify({ messages, max_tokens: 5, ignore_eos: true, ...overrides });
}

export async function post(url: string, body: string): Promise<{ status: number; text: string }> {
  const response = await fetch(url, { method: "POST", body });
  return { status: response.status, text: await response.text() };
}

/** Waits for something that happens by itself within moments; fails after two seconds. */
export async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 2000; i++) {
    if (condition()) return;
    await Bun.sleep(1);
  }
  throw new Error("condition not met within 2 s");
}
