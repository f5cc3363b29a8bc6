/** How long one step of the engine takes, by what is in it. Constants are milliseconds of simulated time. */

export interface TimingModel {
  /** Cost of any step. */
  readonly baseMs: number;
  readonly msPerDecoding: number;
  /** Per thousand tokens of context of all decoding requests. */
  readonly msPerKvThousand: number;
  readonly msPerPrefillToken: number;
  /** HTTP and tokenizer, before a request reaches the queue. */
  readonly frontMs: number;
  /** KV transfer from prefill to decode server. */
  readonly transferMs: number;
}

export interface Preset {
  readonly timing: TimingModel;
  readonly maxNumSeqs: number;
  readonly blocks: number;
}

export interface StepLoad {
  readonly decoding: number;
  readonly decodingContextTokens: number;
  readonly prefillTokens: number;
}

export const PRESETS = {
  /** A small model on one big GPU. */
  small: preset([6, 0.05, 0.01, 0.03], 2, 64, 16_000),
  /** 21B-A3B mixture of experts on one 80 GB GPU. */
  "moe-21b": preset([12, 0.1, 0.02, 0.06], 4, 64, 6_000),
  /** 300B mixture of experts over 8 GPUs, as one rank sees it. */
  "moe-300b": preset([28, 0.15, 0.03, 0.12], 6, 64, 2_000),
} as const satisfies Record<string, Preset>;

export type PresetName = keyof typeof PRESETS;

export function stepMs(model: TimingModel, load: StepLoad): number {
  return (
    model.baseMs +
    model.msPerDecoding * load.decoding +
    (model.msPerKvThousand * load.decodingContextTokens) / 1000 +
    model.msPerPrefillToken * load.prefillTokens
  );
}

function preset(
  [baseMs, msPerDecoding, msPerKvThousand, msPerPrefillToken]: readonly [number, number, number, number],
  frontMs: number,
  maxNumSeqs: number,
  blocks: number,
): Preset {
  const timing = { baseMs, msPerDecoding, msPerKvThousand, msPerPrefillToken, frontMs, transferMs: 5 };
  return { timing, maxNumSeqs, blocks };
}
