#!/usr/bin/env bun
/** What it costs to read a prompt for the policies that want it, by size of the body. `bun bench/micro/prompt.ts`. */
import { PromptReader } from "../../src/proxy/prompt-reader.ts";

const SIZES_KB = [2, 32, 128];
const ROUNDS = 400;
const WORDS = "The quick brown fox jumps over the lazy dog. ";

const reader = new PromptReader({ blockSize: 64, seed: 1, tokenizer: null, warn: console.warn });

console.log("µs a request, median");
for (const kilobytes of SIZES_KB) {
  const content = WORDS.repeat((kilobytes * 1024) / WORDS.length);
  const body = Buffer.from(JSON.stringify({ model: "m", messages: [{ role: "user", content }] }));
  const tokens = await measure(body, "tokens");
  const prefixes = await measure(body, "prefixes");
  console.log(
    `${String(kilobytes).padStart(4)} KB  length ${tokens.toFixed(1)}  length and prefixes ${prefixes.toFixed(1)}`,
  );
}

async function measure(body: Buffer, use: "tokens" | "prefixes"): Promise<number> {
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const startedAt = performance.now();
    await reader.read(body, { kind: "chat", use, lines: null });
    times.push(performance.now() - startedAt);
  }
  return (times.toSorted((a, b) => a - b)[ROUNDS / 2] ?? 0) * 1000;
}
