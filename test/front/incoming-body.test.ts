import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { RouterError } from "../../src/errors.ts";
import { IncomingBody } from "../../src/front/raw/incoming-body.ts";

const MB = 1024 * 1024;

async function codeOf(read: Buffer | Promise<Buffer>): Promise<string> {
  try {
    return `read ${(await read).length}`;
  } catch (error) {
    return error instanceof RouterError ? error.code : String(error);
  }
}

/** Cuts bytes at the given places. */
function split(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).toSorted((a, b) => a - b), bytes.length];
  return places.slice(1).map((end, i) => bytes.subarray(places[i], end));
}

function chunked(parts: readonly string[]): string {
  return `${parts.map((part) => `${part.length.toString(16)}\r\n${part}\r\n`).join("")}0\r\n\r\n`;
}

const text = fc.string({ unit: fc.constantFrom("a", "\r", "\n", "0", ";"), minLength: 1, maxLength: 40 });
const cuts = fc.array(fc.nat(1000), { maxLength: 20 });

describe("whatever way it is cut", () => {
  test("a body of known length is whole, and what follows is left over", async () => {
    await fc.assert(
      fc.asyncProperty(text, cuts, fc.boolean(), async (content, places, askedFirst) => {
        const body = new IncomingBody({ kind: "length", bytes: content.length }, 0);
        const early = askedFirst ? body.read(MB) : null;
        const rest = split(Buffer.from(`${content}NEXT`), places).map((part) => part.subarray(body.push(part, 0, 0)));
        expect((await (early ?? body.read(MB))).toString()).toBe(content);
        expect(Buffer.concat(rest).toString()).toBe("NEXT");
      }),
    );
  });

  test("a chunked one, too", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(text, { minLength: 1, maxLength: 5 }), cuts, async (parts, places) => {
        const body = new IncomingBody({ kind: "chunked" }, 0);
        const read = body.read(MB);
        const rest = split(Buffer.from(`${chunked(parts)}NEXT`), places).map((part) =>
          part.subarray(body.push(part, 0, 0)),
        );
        expect((await read).toString()).toBe(parts.join(""));
        expect(Buffer.concat(rest).toString()).toBe("NEXT");
      }),
    );
  });
});

describe("refused", () => {
  test("a declared length above the cap, at once", async () => {
    expect(await codeOf(new IncomingBody({ kind: "length", bytes: 101 }, 0).read(100))).toBe("body_too_large");
  });

  test("chunks above the cap, while they come and when all had come before", async () => {
    for (const askedFirst of [true, false]) {
      const body = new IncomingBody({ kind: "chunked" }, 0);
      const early = askedFirst ? body.read(5) : null;
      body.push(Buffer.from(chunked(["abc", "def"])), 0, 0);
      expect(await codeOf(early ?? body.read(5))).toBe("body_too_large");
    }
  });

  test("broken chunked coding", async () => {
    const body = new IncomingBody({ kind: "chunked" }, 0);
    body.push(Buffer.from("2\nab"), 0, 0);
    expect(await codeOf(body.read(MB))).toBe("invalid_body");
  });

  test("a client that leaves in the middle", async () => {
    const body = new IncomingBody({ kind: "length", bytes: 5 }, 0);
    const read = body.read(MB);
    body.push(Buffer.from("ab"), 0, 0);
    body.fail(new RouterError("client_closed"));
    expect(await codeOf(read)).toBe("client_closed");
  });
});

test("it is due after a pause of 10 s, and after 10 s more than its bytes take at 1 KB/s", () => {
  const body = new IncomingBody({ kind: "length", bytes: 100_000 }, 1000);
  expect(body.dueAt).toBe(11_000);
  body.push(Buffer.alloc(50 * 1024), 0, 2000);
  expect(body.dueAt).toBe(12_000);
  body.push(Buffer.alloc(1024), 0, 60_000);
  expect(body.dueAt).toBe(1000 + 10_000 + 51_000);
});

test("a length that is only declared takes no memory", () => {
  const before = process.memoryUsage().arrayBuffers;
  const bodies = Array.from({ length: 50 }, () => {
    const body = new IncomingBody({ kind: "length", bytes: 1e9 }, 0);
    body.push(Buffer.from("a"), 0, 0);
    body.push(Buffer.from("b"), 0, 0);
    return body;
  });
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(bodies.length * 2 * MB);
});

test("a body in a hundred thousand chunks of a byte is kept in one piece", async () => {
  const body = new IncomingBody({ kind: "chunked" }, 0);
  const read = body.read(MB);
  const part = Buffer.from("1\r\na\r\n".repeat(1000));
  for (let i = 0; i < 100; i++) body.push(part, 0, 0);
  body.push(Buffer.from("0\r\n\r\n"), 0, 0);
  expect((await read).equals(Buffer.alloc(100_000, "a"))).toBe(true);
});
