/**
 * Request lengths and arrival times: from a published trace (Azure CSV with TIMESTAMP, ContextTokens, GeneratedTokens; CSV with
 * t_ms, input_tokens, output_tokens; Mooncake JSON lines), or drawn from distributions fitted to a chat trace.
 */
import { z } from "zod";
import { type Random, randomIndex } from "../../src/lib/random.ts";
import { BLOCK_TOKENS } from "./engine.ts";

export interface TraceRow {
  /** Since the first request. */
  readonly atMs: number;
  readonly promptTokens: number;
  readonly outputTokens: number;
  /** The prompt's full blocks of 512 tokens, each by a number that stands for the prefix up to it. Absent where the trace has none. */
  readonly blocks?: readonly number[];
}

const mooncakeRow = z.object({
  timestamp: z.number(),
  input_length: z.number(),
  output_length: z.number(),
  hash_ids: z.array(z.number()),
});

export async function readTrace(path: string): Promise<TraceRow[]> {
  const lines = (await Bun.file(path).text()).split("\n").filter((line) => line.trim() !== "");
  const rows = path.endsWith(".jsonl") ? lines.map(parseMooncake) : parseCsv(lines, path);
  if (rows.length === 0) throw new Error(`no requests in trace ${path}, wanted at least one`);
  return rows;
}

/** Log-normal lengths with the mean and spread of the Azure 2023 conversation trace, Poisson arrivals at 10 per second. */
export function drawTrace(size: number, random: Random): TraceRow[] {
  let atMs = 0;
  return Array.from({ length: size }, () => {
    atMs += -Math.log(1 - random()) * 100;
    return { atMs, promptTokens: logNormal(6.63, 0.93, random), outputTokens: logNormal(4.98, 0.87, random) };
  });
}

/** Of the requests that go on with an earlier one, as in Mooncake's conversation trace. */
const FOLLOW_UP_SHARE = 0.385;
/** How many requests back a conversation may have paused at most. */
const LONGEST_PAUSE = 1500;

/**
 * Conversations with the lengths and the reuse of Mooncake's trace: all begin with the same block, a third and more of the requests
 * repeat an earlier prompt and add to it. Arrivals are Poisson at 3.4 per second.
 */
export function drawConversations(size: number, random: Random): TraceRow[] {
  const rows: (TraceRow & { readonly blocks: readonly number[] })[] = [];
  let atMs = 0;
  let nextBlock = 1;
  while (rows.length < size) {
    atMs += -Math.log(1 - random()) * 294;
    const pause = 1 + randomIndex(random, LONGEST_PAUSE);
    const earlier = random() < FOLLOW_UP_SHARE ? rows[rows.length - pause] : undefined;
    const added = logNormal(earlier === undefined ? 8.8 : 7.3, 1, random);
    const promptTokens = Math.min(120_000, (earlier?.promptTokens ?? BLOCK_TOKENS) + added);
    const blocks = [...(earlier?.blocks ?? [0])];
    while ((blocks.length + 1) * BLOCK_TOKENS <= promptTokens) blocks.push(nextBlock++);
    rows.push({ atMs, promptTokens, outputTokens: logNormal(5.5, 0.8, random), blocks });
  }
  return rows;
}

function logNormal(mu: number, sigma: number, random: Random): number {
  const gauss = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  return Math.max(1, Math.round(Math.exp(mu + sigma * gauss)));
}

function parseMooncake(line: string): TraceRow {
  const row = mooncakeRow.parse(JSON.parse(line));
  return {
    atMs: row.timestamp,
    promptTokens: row.input_length,
    outputTokens: row.output_length,
    blocks: row.hash_ids.slice(0, Math.floor(row.input_length / BLOCK_TOKENS)),
  };
}

function parseCsv(lines: readonly string[], path: string): TraceRow[] {
  const [head = "", ...rest] = lines;
  const columns = head.trim().split(",");
  const place = (...names: string[]): number => columns.findIndex((column) => names.includes(column));
  const at = place("TIMESTAMP", "t_ms");
  const prompt = place("ContextTokens", "input_tokens");
  const output = place("GeneratedTokens", "output_tokens");
  if (prompt < 0 || output < 0)
    throw new Error(`cannot read trace ${path}: columns ${head.trim()}, wanted token counts`);
  const rows = rest.map((line) => {
    const fields = line.trim().split(",");
    const time = fields[at] ?? "0";
    return {
      atMs: time.includes("-") ? Date.parse(`${time.slice(0, 23).replace(" ", "T")}Z`) : Number(time),
      promptTokens: Number(fields[prompt]),
      outputTokens: Number(fields[output]),
    };
  });
  const start = rows[0]?.atMs ?? 0;
  return rows.map((row) => ({ ...row, atMs: row.atMs - start }));
}
