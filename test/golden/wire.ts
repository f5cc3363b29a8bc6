/** Reads HTTP/1.1 messages off raw bytes, leniently: what comes is what is to be judged. Used by engine.ts and client.ts. */

export function headerOf(head: string, lowerName: string): string | null {
  for (const line of head.split("\r\n").slice(1)) {
    const colon = line.indexOf(":");
    if (colon > 0 && line.slice(0, colon).trim().toLowerCase() === lowerName) return line.slice(colon + 1).trim();
  }
  return null;
}

/** Bytes of the first whole request in `bytes`; 0 when there is none yet. */
export function requestLength(bytes: Buffer): number {
  const headEnd = bytes.indexOf("\r\n\r\n");
  if (headEnd < 0) return 0;
  const head = bytes.toString("latin1", 0, headEnd);
  const from = headEnd + 4;
  if (isChunked(head)) {
    const { end } = readChunks(bytes, from);
    return end ?? 0;
  }
  const length = from + Number(headerOf(head, "content-length") ?? 0);
  return bytes.length >= length ? length : 0;
}

export function isChunked(head: string): boolean {
  return headerOf(head, "transfer-encoding")?.toLowerCase().includes("chunked") === true;
}

export function unchunkedBody(head: string, raw: Buffer): Buffer {
  return isChunked(head) ? readChunks(raw, 0).body : Buffer.from(raw);
}

export interface Chunks {
  readonly body: Buffer;
  /** Where the message ends; null when its last chunk has not come. */
  readonly end: number | null;
}

export function readChunks(bytes: Buffer, from: number): Chunks {
  const parts: Buffer[] = [];
  let at = from;
  for (;;) {
    const lineEnd = bytes.indexOf("\r\n", at);
    if (lineEnd < 0) return { body: Buffer.concat(parts), end: null };
    const size = Number.parseInt(bytes.toString("latin1", at, lineEnd), 16);
    if (Number.isNaN(size)) return { body: Buffer.concat(parts), end: null };
    at = lineEnd + 2;
    if (size === 0) {
      // Trailer fields, up to the empty line.
      const end = bytes.indexOf("\r\n", at) === at ? at + 2 : bytes.indexOf("\r\n\r\n", at) + 4;
      return { body: Buffer.concat(parts), end: end > 3 ? end : null };
    }
    parts.push(bytes.subarray(at, Math.min(at + size, bytes.length)));
    if (bytes.length < at + size + 2) return { body: Buffer.concat(parts), end: null };
    at += size + 2;
  }
}
