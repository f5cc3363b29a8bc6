/** As much of HTTP/1.1 as both ends of a benchmark need of each other, and no more: where a head ends and how long its body is. */
const HEAD_END = Buffer.from("\r\n\r\n");

/** Index just after the empty line; -1 when it is not there yet. */
export function headEnd(bytes: Buffer, from = 0): number {
  const at = bytes.indexOf(HEAD_END, from);
  return at < 0 ? -1 : at + HEAD_END.length;
}

export interface Head {
  /** The whole head in lower case. */
  readonly text: string;
  /** Null: the body is chunked, or lasts until the connection ends. */
  readonly contentLength: number | null;
}

export function readHead(bytes: Buffer, end: number): Head {
  const text = bytes.toString("latin1", 0, end).toLowerCase();
  const length = fieldOf(text, "content-length");
  return { text, contentLength: length === null ? null : Number(length) };
}

/** Value of a field of a lower-case head. */
export function fieldOf(text: string, lowerName: string): string | null {
  const at = text.indexOf(`\r\n${lowerName}:`);
  if (at < 0) return null;
  const from = at + lowerName.length + 3;
  return text.slice(from, text.indexOf("\r\n", from)).trim();
}
