import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { EventReader, type EventKind } from "../../src/demo/event-reader.ts";

const STREAM = [
  'data: {"id":"x","choices":[{"index":0,"delta":{"role":"assistant","content":""}}]} ',
  'data: {"id":"x","choices":[{"index":0,"delta":{"content":" the"}}]}',
  'data: {"id":"x","choices":[],"usage":{"completion_tokens":2}}',
  'data: {"error":{"message":"no"}}',
  "data: [DONE]",
  "",
].join("\n\n");

function read(chunks: readonly Uint8Array[]): EventKind[] {
  const kinds: EventKind[] = [];
  const reader = new EventReader((kind) => kinds.push(kind));
  for (const chunk of chunks) reader.feed(chunk);
  return kinds;
}

test("events are told apart, however the bytes are cut", () => {
  const bytes = Buffer.from(STREAM);
  const cuts = fc.array(fc.nat(bytes.length), { maxLength: 8 });
  fc.assert(
    fc.property(cuts, (positions) => {
      const edges = [0, ...positions.toSorted((a, b) => a - b), bytes.length];
      const chunks = edges.slice(1).map((end, index) => bytes.subarray(edges[index], end));
      expect(read(chunks)).toEqual(["tokens", "tokens", "usage", "error", "done"]);
    }),
  );
});

test("an event without its end is not yet one", () => {
  expect(read([Buffer.from("data: [DONE]\n")])).toEqual([]);
});
