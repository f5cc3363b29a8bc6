/**
 * Parts of buffers on the way through the router. What a socket brings is handed on as a buffer and two indexes, start and end: the first
 * view of such a buffer (`subarray`) costs a microsecond, since the engine has to make an ArrayBuffer of it, and the garbage of that.
 */

export interface ByteRange {
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
}

/** Up to this length a copy costs less than a view. */
const COPIED_BYTES = 8192;

/** The range as a buffer of its own. */
export function rangeBuffer({ bytes, start, end }: ByteRange): Buffer {
  if (start === 0 && end === bytes.length) return bytes;
  if (end - start > COPIED_BYTES) return bytes.subarray(start, end);
  const copy = Buffer.allocUnsafe(end - start);
  bytes.copy(copy, 0, start, end);
  return copy;
}

/** Index of the last `needle` within the range; -1 when there is none. */
export function lastIndexIn({ bytes, start, end }: ByteRange, needle: Buffer): number {
  if (end - start < needle.length) return -1;
  const at = bytes.lastIndexOf(needle, end - needle.length);
  return at >= start ? at : -1;
}
