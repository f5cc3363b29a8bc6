/**
 * Frames of the registration protocol: 4 bytes big-endian length, then one msgpack message of at most 64 KiB.
 * The decoder takes the byte stream in whatever pieces TCP delivers. Used by both ends (registry/tcp.ts, client.ts).
 */
// Not from "msgpackr": that looks for a native helper on disk, which costs 8 ms of the start and gains nothing for short messages.
import { Packr } from "msgpackr/pack";
import { Unpackr } from "msgpackr/unpack";
import type { ClientMessage, RouterMessage } from "./messages.ts";
import { scanMsgpack } from "./msgpack-scan.ts";

export const MAX_FRAME_BYTES = 64 * 1024;
const PREFIX_BYTES = 4;
/** Buffer of a connection between frames: ordinary messages fit, thousands of idle connections cost little. */
const KEPT_BYTES = 1024;

/** Plain maps on the wire: `useRecords` is a dialect of one library. 64-bit integers come as bigint and are taken by value. */
const packr = new Packr({ useRecords: false, variableMapSize: true });
const unpackr = new Unpackr({ useRecords: false, mapsAsObjects: true, int64AsType: "bigint" });

/** One frame, ready to be written. Fields that are undefined are left out. */
export function encodeFrame(message: ClientMessage | RouterMessage): Uint8Array {
  const body = packr.pack(withoutUndefined(message));
  if (body.length > MAX_FRAME_BYTES) {
    throw new Error(
      `cannot send a ${message.t} message of ${body.length} bytes: a frame holds at most ${MAX_FRAME_BYTES}`,
    );
  }
  const frame = new Uint8Array(PREFIX_BYTES + body.length);
  new DataView(frame.buffer).setUint32(0, body.length);
  frame.set(body, PREFIX_BYTES);
  return frame;
}

export type DecodedFrame =
  /** Not yet looked at: parse it with messages.ts. */
  | { readonly kind: "message"; readonly value: unknown }
  /** The peer broke the rules; nothing after it is read. */
  | { readonly kind: "violation"; readonly reason: string };

/** The receiving half of one connection. */
export class FrameDecoder {
  /** The frame under way, prefix included. Grows with what arrives, not with what the prefix promises. */
  #held = new Uint8Array(KEPT_BYTES);
  #heldBytes = 0;
  /** Of the whole frame; null until the prefix is complete. */
  #frameBytes: number | null = null;
  #broken = false;

  /** True while a frame has begun and not ended: its deadline runs. */
  get midFrame(): boolean {
    return this.#heldBytes > 0;
  }

  /** Everything that `chunk` completes, in order. Nothing of the chunk is kept. */
  push(chunk: Uint8Array): DecodedFrame[] {
    const frames: DecodedFrame[] = [];
    let at = 0;
    while (at < chunk.length && !this.#broken) {
      const end = Math.min(chunk.length, at + (this.#frameBytes ?? PREFIX_BYTES) - this.#heldBytes);
      this.#hold(chunk.subarray(at, end));
      at = end;
      const frame = this.#frameBytes === null ? this.#readPrefix() : this.#readFrame();
      if (frame === null) continue;
      frames.push(frame);
      this.#broken = frame.kind === "violation";
    }
    return frames;
  }

  #hold(bytes: Uint8Array): void {
    const wanted = this.#heldBytes + bytes.length;
    if (wanted > this.#held.length) {
      const larger = new Uint8Array(Math.max(wanted, this.#held.length * 2));
      larger.set(this.#held.subarray(0, this.#heldBytes));
      this.#held = larger;
    }
    this.#held.set(bytes, this.#heldBytes);
    this.#heldBytes = wanted;
  }

  /** Null when all is well, be the prefix complete or not. */
  #readPrefix(): DecodedFrame | null {
    if (this.#heldBytes < PREFIX_BYTES) return null;
    const bodyBytes = new DataView(this.#held.buffer).getUint32(0);
    if (bodyBytes === 0) return { kind: "violation", reason: "frame is empty" };
    if (bodyBytes > MAX_FRAME_BYTES) {
      return { kind: "violation", reason: `frame is longer than ${MAX_FRAME_BYTES} bytes` };
    }
    this.#frameBytes = PREFIX_BYTES + bodyBytes;
    return null;
  }

  #readFrame(): DecodedFrame | null {
    if (this.#heldBytes !== this.#frameBytes) return null;
    const frame = decode(this.#held.subarray(PREFIX_BYTES, this.#heldBytes));
    if (this.#held.length > KEPT_BYTES) this.#held = new Uint8Array(KEPT_BYTES);
    this.#heldBytes = 0;
    this.#frameBytes = null;
    return frame;
  }
}

function decode(body: Uint8Array): DecodedFrame {
  const problem = scanMsgpack(body);
  if (problem !== null) return { kind: "violation", reason: problem };
  try {
    return { kind: "message", value: unpackr.unpack(body) };
  } catch {
    // The scan lets nothing pass for which this is known to happen; a hostile peer must not end the process if we are wrong.
    return { kind: "violation", reason: "message cannot be decoded" };
  }
}

function withoutUndefined(message: object): object {
  return Object.fromEntries(
    Object.entries(message)
      .filter(([, value]) => value !== undefined)
      .map(([key, value]) => [key, isMap(value) ? withoutUndefined(value) : value]),
  );
}

function isMap(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
