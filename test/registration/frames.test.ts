import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { Packr } from "msgpackr";
import { type DecodedFrame, encodeFrame, FrameDecoder, MAX_FRAME_BYTES } from "../../src/registration/frames.ts";
import { scanMsgpack } from "../../src/registration/msgpack-scan.ts";

const packr = new Packr({ useRecords: false, variableMapSize: true });

function framed(body: Uint8Array | readonly number[], lengthSaid = body.length): Uint8Array {
  const frame = new Uint8Array(4 + body.length);
  new DataView(frame.buffer).setUint32(0, lengthSaid);
  frame.set(body, 4);
  return frame;
}

function decodeAll(bytes: Uint8Array, pieceBytes = bytes.length): DecodedFrame[] {
  const decoder = new FrameDecoder();
  const frames: DecodedFrame[] = [];
  for (let at = 0; at < bytes.length; at += pieceBytes)
    frames.push(...decoder.push(bytes.subarray(at, at + pieceBytes)));
  return frames;
}

function reasonOf(body: Uint8Array | readonly number[]): string {
  const frame = decodeAll(framed(body))[0];
  return frame?.kind === "violation" ? frame.reason : "";
}

const utf8 = (text: string): number[] => [...new TextEncoder().encode(text)];
const key = (name: string): number[] => [0xa0 + name.length, ...utf8(name)];

const nested = (depth: number): Uint8Array => new Uint8Array(depth + 1).fill(0x91, 0, depth).fill(0xc0, depth);
const listOf = (count: number): Uint8Array =>
  Uint8Array.from([0xdc, count >> 8, count & 255, ...new Uint8Array(count).fill(0xc0)]);
const textOf = (bytes: number): Uint8Array =>
  Uint8Array.from([0xda, bytes >> 8, bytes & 255, ...new Uint8Array(bytes)]);

describe("frames", () => {
  test("what is encoded is decoded, without the fields that are undefined", () => {
    const frame = encodeFrame({ t: "hello", version: 1, token: undefined, agent: "a" });
    expect(decodeAll(frame)).toEqual([{ kind: "message", value: { t: "hello", version: 1, agent: "a" } }]);
  });

  test("G01 a length over 64 KiB is refused when its fourth byte arrives", () => {
    const decoder = new FrameDecoder();
    expect(decoder.push(Uint8Array.of(0xff, 0xff, 0xff))).toEqual([]);
    expect(decoder.push(Uint8Array.of(0xff))).toEqual([
      { kind: "violation", reason: `frame is longer than ${MAX_FRAME_BYTES} bytes` },
    ]);
    expect(decodeAll(framed([0xc0], 0))).toEqual([{ kind: "violation", reason: "frame is empty" }]);
  });

  test("nothing is read after a violation", () => {
    const bytes = Buffer.concat([framed([0xc1]), encodeFrame({ t: "beat" })]);
    expect(decodeAll(bytes)).toHaveLength(1);
    const decoder = new FrameDecoder();
    decoder.push(framed([0xc1]));
    expect(decoder.push(encodeFrame({ t: "beat" }))).toEqual([]);
  });

  test("G02 midFrame tells whether a frame's deadline runs", () => {
    const decoder = new FrameDecoder();
    const frame = encodeFrame({ t: "beat" });
    expect(decoder.midFrame).toBe(false);
    decoder.push(frame.subarray(0, 1));
    expect(decoder.midFrame).toBe(true);
    decoder.push(frame.subarray(1));
    expect(decoder.midFrame).toBe(false);
  });

  test("G10 every split of a stream gives the same messages", () => {
    const messages = fc.array(
      fc.record({
        lease: fc.nat(),
        names: fc.array(fc.string({ unit: "binary", maxLength: 300 }), { maxLength: 8 }),
        nested: fc.record({ yes: fc.boolean(), share: fc.double({ min: 0.001, max: 1, noNaN: true }) }),
      }),
      { minLength: 1, maxLength: 6 },
    );
    fc.assert(
      fc.property(messages, fc.infiniteStream(fc.integer({ min: 1, max: 40 })), (values, sizes) => {
        const bytes = Buffer.concat(values.map((value) => framed(packr.pack(value))));
        const decoder = new FrameDecoder();
        const got: unknown[] = [];
        let at = 0;
        while (at < bytes.length) {
          const size = sizes.next().value ?? 1;
          for (const frame of decoder.push(bytes.subarray(at, at + size))) {
            got.push(frame.kind === "message" ? frame.value : frame.reason);
          }
          at += size;
        }
        expect(got).toEqual(values);
      }),
      { numRuns: 300, seed: 7 },
    );
  });

  test("G10 a thousand messages in one segment all come out", () => {
    const one = encodeFrame({ t: "beat" });
    expect(decodeAll(Buffer.concat(Array.from({ length: 1000 }, () => one)))).toHaveLength(1000);
  });
});

describe("scan of a message", () => {
  test.each([
    ["array32", [0xdd, 0xff, 0xff, 0xff, 0xff]],
    ["map32", [0xdf, 0xff, 0xff, 0xff, 0xff]],
    ["array32 of 64 Mi (G04)", [0xdd, 0x04, 0, 0, 0]],
    ["array16", [0xdc, 0xff, 0xff]],
    ["map16", [0xde, 0xff, 0xff, 0xa1, 0x61, 0xc0]],
  ])("G03 a count beyond the bytes left is refused: %s", (_, bytes) => {
    expect(reasonOf(bytes)).toBe("container counts more items than bytes are left");
  });

  test.each([
    ["str32", [0xdb, 0xff, 0xff, 0xff, 0xff]],
    ["bin32", [0xc6, 0xff, 0xff, 0xff, 0xff]],
    ["str8", [0xd9, 5, 0x61]],
    ["uint64", [0xcf, 0, 0]],
    ["a length cut short", [0xda, 0]],
    ["map without its value", [0x81, 0xa1, 0x61]],
  ])("G03 G10 a truncated message is refused: %s", (_, bytes) => {
    expect(["message is truncated", "container counts more items than bytes are left"]).toContain(reasonOf(bytes));
  });

  test("G05 G06 nesting is bounded, and costs no recursion", () => {
    expect(scanMsgpack(nested(8))).toBeNull();
    expect(scanMsgpack(nested(9))).toBe("message is nested deeper than 8");
    expect(scanMsgpack(nested(5_000_000))).toBe("message is nested deeper than 8");
    const headers = new Uint8Array(60_000).map((_, i) => [0xdc, 0x03, 0xe8][i % 3] ?? 0);
    expect(scanMsgpack(headers)).toBe("message is nested deeper than 8");
  });

  test("G05 items are bounded over the whole message", () => {
    expect(scanMsgpack(listOf(4095))).toBeNull();
    expect(scanMsgpack(listOf(4096))).toBe("message holds more than 4096 items");
  });

  test("G07 dangerous keys change no prototype, at any depth", () => {
    for (const name of ["__proto__", "constructor", "prototype"]) {
      const inner = [0x81, ...key("polluted"), 0xc3];
      const body = [0x82, ...key(name), ...inner, ...key("deep"), 0x91, 0x81, ...key(name), ...inner];
      const frame = decodeAll(framed(body))[0];
      expect(frame?.kind).toBe("message");
      expect(Reflect.get({}, "polluted")).toBeUndefined();
      expect(Reflect.get(() => {}, "polluted")).toBeUndefined();
      if (frame?.kind === "message") expect(Object.getPrototypeOf(frame.value)).toBe(Object.prototype);
    }
  });

  test("G08 a key twice is refused", () => {
    expect(reasonOf([0x82, ...key("a"), 1, ...key("a"), 2])).toBe("map has a key twice");
    expect(reasonOf([0x82, ...key("a"), 1, 0xd9, 1, 0x61, 2])).toBe("map has a key twice");
    expect(reasonOf([0x92, 0x81, ...key("a"), 1, 0x81, ...key("a"), 1])).toBe("");
  });

  test("G09 bytes after the message are refused", () => {
    expect(reasonOf([0xc0, 0xc0])).toBe("bytes are left after the message");
  });

  test.each([
    [0xc7, [0, 1]],
    [0xc8, [0, 0, 1]],
    [0xc9, [0, 0, 0, 0, 1]],
    [0xd4, [1, 0]],
    [0xd6, [0xff, 0, 0, 0, 0]],
    [0xd7, [0xff, 0, 0, 0, 0, 0, 0, 0, 0]],
    [0xd8, [1, ...new Uint8Array(16)]],
  ])("G11 extension types and timestamps are refused: 0x%x", (tag, rest) => {
    expect(reasonOf([tag, ...rest])).toBe("extension types are not part of the protocol");
  });

  test("G11 the reserved byte is refused", () => {
    expect(reasonOf([0xc1])).toBe("byte 0xc1 is reserved");
  });

  test.each([[[0xff]], [[0xc0, 0xaf]], [[0xed, 0xa0, 0x80]], [[0xe2, 0x82]]])(
    "G12 invalid UTF-8 is refused: %p",
    (text) => {
      expect(reasonOf([0xa0 + text.length, ...text])).toBe("string is not valid UTF-8");
      expect(reasonOf([0x81, 0xa0 + text.length, ...text, 0xc0])).toBe("string is not valid UTF-8");
    },
  );

  test("G15 strings over 4 KiB are refused", () => {
    expect(scanMsgpack(textOf(4096))).toBeNull();
    expect(scanMsgpack(textOf(4097))).toBe("string is longer than 4096 bytes");
  });

  test("keys that are no strings are refused", () => {
    expect(reasonOf([0x81, 1, 1])).toBe("map key is not a string");
    expect(reasonOf([0x81, 0x90, 1])).toBe("map key is not a string");
  });

  test("mutated messages end in a message or a violation, quickly, and never otherwise", () => {
    const seedBody = packr.pack({
      t: "register",
      seq: 1,
      instance: { role: "mixed", host_ip: "10.0.0.1", port: 8000, rdma_ports: [1, "2"], weight: 1.5, model: "ü" },
    });
    const random = fc.sample(fc.nat(0xffff_ffff), { numRuns: 60_000, seed: 42 });
    const started = performance.now();
    let next = 0;
    const draw = (bound: number): number => (random[next++ % random.length] ?? 0) % bound;
    for (let run = 0; run < 20_000; run++) {
      const body = Uint8Array.from(seedBody);
      for (let i = draw(4); i >= 0; i--) body[draw(body.length)] = draw(256);
      const cut = draw(10) === 0 ? body.subarray(0, 1 + draw(body.length - 1)) : body;
      const frames = decodeAll(framed(cut));
      if (frames.length !== 1) throw new Error(`run ${run} gave ${frames.length} frames`);
    }
    expect((performance.now() - started) / 20_000).toBeLessThan(1);
  });

  test("random bytes that the scan accepts can always be decoded", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 40 }), (body) => {
        const reason = reasonOf(body);
        expect(reason).not.toBe("message cannot be decoded");
      }),
      { numRuns: 5000, seed: 3 },
    );
  });
});
