/**
 * A streamed event as the engine sends it: one HTTP chunk with a chat delta that carries the time of sending. The generator finds the
 * stamp by its marker, wherever the event lies in what it reads.
 */
const MARKER = '{"t":"';
const DIGITS = 16;

export const EVENT_MARKER = Buffer.from(MARKER);
export const STREAM_END = Buffer.from("e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n");
export const STREAM_HEAD = Buffer.from(
  "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n\r\n",
);

/** A chunk whose payload has `bytes` bytes, to be stamped again for each event. */
export class EventTemplate {
  readonly bytes: Buffer;
  readonly #stampAt: number;

  constructor(bytes: number) {
    const start = `data: ${MARKER}${"0".repeat(DIGITS)}","choices":[{"index":0,"delta":{"content":"`;
    const end = '"}}]}\n\n';
    const payload = start + "y".repeat(Math.max(0, bytes - start.length - end.length)) + end;
    this.bytes = Buffer.from(`${payload.length.toString(16)}\r\n${payload}\r\n`);
    this.#stampAt = this.bytes.indexOf(MARKER) + MARKER.length;
  }

  stamp(now: number): void {
    let rest = now;
    for (let i = this.#stampAt + DIGITS - 1; i >= this.#stampAt; i--) {
      const next = Math.floor(rest / 10);
      this.bytes[i] = 48 + (rest - next * 10);
      rest = next;
    }
  }
}

/** Calls `found` with the stamp of each event that begins in `bytes` and is not cut off. */
export function eachStamp(bytes: Buffer, found: (sentAt: number) => void): void {
  let at = bytes.indexOf(EVENT_MARKER);
  while (at >= 0) {
    const from = at + EVENT_MARKER.length;
    if (from + DIGITS > bytes.length) return;
    let stamp = 0;
    for (let i = from; i < from + DIGITS; i++) stamp = stamp * 10 + ((bytes[i] ?? 48) - 48);
    found(stamp);
    at = bytes.indexOf(EVENT_MARKER, from + DIGITS);
  }
}
