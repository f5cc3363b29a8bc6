#!/usr/bin/env bun
/** What the functions cost through which each request or event goes, one by one. `bun bench/micro/hot-functions.ts [--json] [WORD]`. */
import { type AccessEntry, writeAccessLine } from "../../src/log/access-line.ts";
import { LineBuffer } from "../../src/log/line-buffer.ts";
import { METRICS } from "../../src/metrics/catalog.ts";
import { Histogram } from "../../src/metrics/histogram.ts";
import { readBodyFields } from "../../src/proxy/body-fields.ts";
import { spliceFields } from "../../src/proxy/splitwise/splice.ts";
import { readUsage } from "../../src/proxy/usage.ts";
import { encodeFrame, FrameDecoder } from "../../src/registration/frames.ts";
import { ChunkedDecoder } from "../../src/upstream/chunked-decoder.ts";
import { readResponseHead } from "../../src/upstream/response-head.ts";
import { chatBody } from "../load/chat-body.ts";
import { EventTemplate } from "../load/event.ts";

interface Case {
  readonly name: string;
  readonly run: () => unknown;
}

const ROUNDS = 21;
const ROUND_NS = 5e6;

const HEAD =
  "HTTP/1.1 200 OK\r\ndate: Wed, 25 Nov 2026 03:00:00 GMT\r\nserver: uvicorn\r\ncontent-length: 2048\r\ncontent-type: application/json\r\nx-request-id: 0123456789abcdef";
const TAIL = Buffer.from(`${"y".repeat(300)}"usage":{"prompt_tokens":512,"total_tokens":640,"completion_tokens":128}}`);
const event = new EventTemplate(200).bytes;
const decoder = new ChunkedDecoder();
const frame = encodeFrame({ t: "report", lease: 7, running: 31, waiting: 2, kv_usage: 0.41 });
const frames = new FrameDecoder();
/** Takes any number of lines. */
const lines = new LineBuffer(() => undefined);
const histogram = new Histogram(METRICS.requestDuration.bounds);

const CASES: readonly Case[] = [
  ...[400, 4096, 32_768, 220_000, 2_000_000].map((bytes) => {
    const body = chatBody(bytes, true);
    return { name: `scan a body of ${sizeText(bytes)}`, run: () => readBodyFields(body) };
  }),
  ...[32_768, 220_000].map((bytes) => {
    const body = chatBody(bytes, true);
    return { name: `splice into ${sizeText(bytes)}`, run: () => spliceFields(body, ['"a":1']) };
  }),
  { name: "parse an answer's head", run: () => readResponseHead(HEAD) },
  {
    name: "decode a chunk of one event",
    run: () => {
      decoder.reset();
      return decoder.decode(event, 0, ignore);
    },
  },
  { name: "read usage", run: () => readUsage({ bytes: TAIL, start: 0, end: TAIL.length }) },
  {
    name: "write an access line",
    run: () => {
      writeAccessLine(lines, "go", entry());
      lines.flush();
    },
  },
  { name: "record in a histogram", run: () => histogram.record(0.0123) },
  {
    name: "encode a load report",
    run: () => encodeFrame({ t: "report", lease: 7, running: 31, waiting: 2, kv_usage: 0.41 }),
  },
  { name: "decode a load report", run: () => frames.push(frame) },
];

/** What keeps the compiler from leaving the work out. */
let sink: unknown = null;

const words = process.argv.slice(2).filter((word) => word !== "--json");
const measured = CASES.filter(({ name }) => words.every((word) => name.includes(word))).map(({ name, run }) => ({
  name,
  ns: measure(run),
}));
if (process.argv.includes("--json")) console.log(JSON.stringify(measured));
else
  for (const { name, ns } of measured) console.log(`${name.padEnd(32)} ${ns.toFixed(ns < 100 ? 1 : 0).padStart(9)} ns`);
if (sink === measured) console.log(sink);

/** Median of rounds of a few milliseconds each, in nanoseconds a call. */
function measure(run: () => unknown): number {
  // The first call may load what all later ones share.
  timed(run, 1);
  let calls = 1;
  // Also the warm-up.
  for (let ns = 0; ns < ROUND_NS; calls *= 2) ns = timed(run, calls);
  const rounds = Array.from({ length: ROUNDS }, () => timed(run, calls) / calls).toSorted((a, b) => a - b);
  return rounds[Math.floor(ROUNDS / 2)] ?? Number.NaN;
}

function timed(run: () => unknown, calls: number): number {
  const startedAt = Bun.nanoseconds();
  for (let i = 0; i < calls; i++) sink = run();
  return Bun.nanoseconds() - startedAt;
}

function ignore(): void {}

function entry(): AccessEntry {
  return {
    method: "POST",
    target: "/v1/chat/completions",
    status: 200,
    durationMs: 12.345,
    clientIp: "10.1.2.3",
    tags: "",
    fields: null,
  };
}

function sizeText(bytes: number): string {
  return bytes < 1000 ? `${bytes} B` : bytes < 1e6 ? `${Math.round(bytes / 1000)} KB` : `${bytes / 1e6} MB`;
}
