/**
 * Looks through the bytes of one msgpack message before anything is decoded or allocated (docs/registration.md, "Limits").
 * Written without recursion: what a hostile peer nests costs a counter, not stack. Called by frames.ts alone.
 */

const MAX_DEPTH = 8;
const MAX_ITEMS = 4096;
const MAX_STRING_BYTES = 4096;

/** An open container: what is still to come in it, and the keys seen if it is a map. */
interface Open {
  /** Values to come; a map counts keys and values. */
  remaining: number;
  readonly keys: Set<string> | null;
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Null when `bytes` holds exactly one well-formed message within the limits, otherwise what is wrong with it. */
export function scanMsgpack(bytes: Uint8Array): string | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const stack: Open[] = [];
  let at = 0;
  let items = 0;
  do {
    const open = stack.at(-1);
    if (at >= bytes.length) return "message is truncated";
    if (++items > MAX_ITEMS) return `message holds more than ${MAX_ITEMS} items`;
    const head = readHead(view, at);
    if (typeof head === "string") return head;
    const bodyAt = at + head.headBytes;
    const end = bodyAt + (head.kind === "string" || head.kind === "binary" ? head.size : 0);
    if (end > bytes.length) return "message is truncated";
    if (head.kind === "string" && head.size > MAX_STRING_BYTES)
      return `string is longer than ${MAX_STRING_BYTES} bytes`;
    const isKey = open !== undefined && open.keys !== null && open.remaining % 2 === 0;
    if (isKey && head.kind !== "string") return "map key is not a string";
    if (head.kind === "string") {
      const text = decodeText(bytes.subarray(bodyAt, end));
      if (text === null) return "string is not valid UTF-8";
      if (isKey && open.keys.has(text)) return "map has a key twice";
      if (isKey) open.keys.add(text);
    }
    if (open !== undefined) open.remaining--;
    at = end;
    if (head.kind === "array" || head.kind === "map") {
      const values = head.kind === "map" ? head.size * 2 : head.size;
      if (values > bytes.length - at) return "container counts more items than bytes are left";
      if (stack.length >= MAX_DEPTH) return `message is nested deeper than ${MAX_DEPTH}`;
      stack.push({ remaining: values, keys: head.kind === "map" ? new Set() : null });
    }
    while (stack.at(-1)?.remaining === 0) stack.pop();
  } while (stack.length > 0);
  return at === bytes.length ? null : "bytes are left after the message";
}

interface Head {
  readonly kind: "scalar" | "string" | "binary" | "array" | "map";
  /** Bytes before the content: tag, length, or the whole of a scalar. */
  readonly headBytes: number;
  /** Bytes of a string or binary, count of an array or map, 0 of a scalar. */
  readonly size: number;
}

/** Scalars from 0xca (float32) to 0xd3 (int64): whole length with the tag. */
const SCALAR_BYTES = [5, 9, 2, 3, 5, 9, 2, 3, 5, 9] as const;
const SIZED: ReadonlyMap<number, readonly [kind: Head["kind"], lengthBytes: number]> = new Map([
  [0xc4, ["binary", 1]],
  [0xc5, ["binary", 2]],
  [0xc6, ["binary", 4]],
  [0xd9, ["string", 1]],
  [0xda, ["string", 2]],
  [0xdb, ["string", 4]],
  [0xdc, ["array", 2]],
  [0xdd, ["array", 4]],
  [0xde, ["map", 2]],
  [0xdf, ["map", 4]],
]);

function readHead(view: DataView, at: number): Head | string {
  const tag = view.getUint8(at);
  if (tag <= 0x7f || tag >= 0xe0) return { kind: "scalar", headBytes: 1, size: 0 };
  if (tag <= 0x8f) return { kind: "map", headBytes: 1, size: tag & 0x0f };
  if (tag <= 0x9f) return { kind: "array", headBytes: 1, size: tag & 0x0f };
  if (tag <= 0xbf) return { kind: "string", headBytes: 1, size: tag & 0x1f };
  if (tag === 0xc0 || tag === 0xc2 || tag === 0xc3) return { kind: "scalar", headBytes: 1, size: 0 };
  if (tag === 0xc1) return "byte 0xc1 is reserved";
  const scalarBytes = SCALAR_BYTES[tag - 0xca];
  if (scalarBytes !== undefined) {
    return at + scalarBytes > view.byteLength
      ? "message is truncated"
      : { kind: "scalar", headBytes: scalarBytes, size: 0 };
  }
  const sized = SIZED.get(tag);
  if (sized === undefined) return "extension types are not part of the protocol";
  const [kind, lengthBytes] = sized;
  if (at + 1 + lengthBytes > view.byteLength) return "message is truncated";
  return { kind, headBytes: 1 + lengthBytes, size: readUint(view, at + 1, lengthBytes) };
}

function readUint(view: DataView, at: number, lengthBytes: number): number {
  if (lengthBytes === 1) return view.getUint8(at);
  return lengthBytes === 2 ? view.getUint16(at) : view.getUint32(at);
}

function decodeText(bytes: Uint8Array): string | null {
  try {
    return utf8.decode(bytes);
  } catch {
    return null; // the only thing a fatal decoder throws for is bad UTF-8
  }
}
