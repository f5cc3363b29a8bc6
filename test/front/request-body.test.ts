import { describe, expect, test } from "bun:test";
import { RouterError } from "../../src/errors.ts";
import type { BodySpeed } from "../../src/front/body-speed.ts";
import { readRequestBody } from "../../src/front/serve/request-body.ts";

const QUICK: BodySpeed = { graceMs: 60, minBytesPerSec: 100_000 };

/** A body that comes in parts with pauses. `length`: declared, or null for chunked coding. */
function request(parts: readonly (string | number)[], length: number | null): Request {
  const body = new ReadableStream<Uint8Array>({
    async start(controller) {
      for (const part of parts) {
        if (typeof part === "number") await Bun.sleep(part);
        else controller.enqueue(Buffer.from(part));
      }
      controller.close();
    },
  });
  return new Request("http://r/", {
    method: "POST",
    body,
    headers: length === null ? {} : { "content-length": String(length) },
  });
}

async function codeOf(body: Buffer | Promise<Buffer>): Promise<string> {
  try {
    return `read ${(await body).length}`;
  } catch (error) {
    return error instanceof RouterError ? error.code : `other: ${String(error)}`;
  }
}

test("parts are put together, with a length and without", async () => {
  for (const [size, length] of [
    [50_000, null],
    [50_000, 100_000],
    [600_000, 1_200_000],
  ] as const) {
    const body = await readRequestBody(request(["a".repeat(size), 1, "b".repeat(size)], length), 2_000_000);
    expect(body.toString() === "a".repeat(size) + "b".repeat(size)).toBe(true);
  }
});

test("what has come already is taken without waiting", () => {
  const complete = new Request("http://r/", { method: "POST", body: "{}", headers: { "content-length": "2" } });
  const body = readRequestBody(complete, 100);
  expect(body instanceof Buffer && body.toString()).toBe("{}");
});

describe("refused", () => {
  test("a declared length above the cap, unread", async () => {
    expect(await codeOf(readRequestBody(request([10_000, "x"], 101), 100))).toBe("body_too_large");
  });

  test("more than the cap in chunks", async () => {
    expect(await codeOf(readRequestBody(request(["a".repeat(60), 1, "b".repeat(60)], null), 100))).toBe(
      "body_too_large",
    );
  });

  test("fewer bytes than declared", async () => {
    expect(await codeOf(readRequestBody(request(["a".repeat(1_100_000)], 1_200_000), 2_000_000))).toBe("invalid_body");
  });
});

describe("L03 too slow", () => {
  test("a pause over the grace, from the start", async () => {
    expect(await codeOf(readRequestBody(request([300, "{}"], null), 100, QUICK))).toBe("body_timeout");
    expect(await codeOf(readRequestBody(request([300, "{}"], 2), 100, QUICK))).toBe("body_timeout");
  });

  test("a pause over the grace after a fast begin: earlier speed is no credit", async () => {
    const body = request(["a".repeat(90_000), 400, "b"], null);
    expect(await codeOf(readRequestBody(body, 1e6, QUICK))).toBe("body_timeout");
  });

  test("a trickle below the least speed, though never a long pause", async () => {
    const trickle = Array.from({ length: 40 }, () => ["a", 20]).flat();
    expect(await codeOf(readRequestBody(request(trickle, null), 1e6, QUICK))).toBe("body_timeout");
  });

  test("L04 steady and slow, but fast enough, is taken", async () => {
    const steady = Array.from({ length: 10 }, () => ["a".repeat(4000), 5]).flat();
    expect(await codeOf(readRequestBody(request(steady, null), 1e6, QUICK))).toBe("read 40000");
  });
});
