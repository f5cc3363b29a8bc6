import { expect, test } from "bun:test";
import { releaseBytes } from "../../src/lib/release-bytes.ts";

test("a long buffer and its views are empty afterwards; a second time does nothing", () => {
  const bytes = Buffer.allocUnsafeSlow(100_000);
  const view = bytes.subarray(10);
  releaseBytes(view);
  releaseBytes(view);
  expect([bytes.length, view.length]).toEqual([0, 0]);
});

test("a short one, whose memory may be another's too, stays", () => {
  const bytes = Buffer.alloc(8192, "a");
  releaseBytes(bytes);
  expect(bytes.equals(Buffer.alloc(8192, "a"))).toBe(true);
});
