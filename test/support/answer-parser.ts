/**
 * Reads one HTTP/1.1 answer as a client would: the end-to-end tests' own reading of the protocol, so that a mistake in the router's
 * parser is not answered by the same mistake here. Throws on what is not well formed.
 */
export class AnswerParser {
  readonly #onData: (chunk: Buffer) => void;
  #left: Buffer = Buffer.alloc(0);
  #state: "head" | "length" | "chunked" | "close" | "done" = "head";
  /** Bytes of the body, or of the chunk, that are missing; -1 between chunks. */
  #missing = 0;
  status = 0;
  headers: readonly (readonly [name: string, value: string])[] = [];
  readonly parts: Buffer[] = [];

  constructor(onData: (chunk: Buffer) => void = () => undefined) {
    this.#onData = onData;
  }

  get done(): boolean {
    return this.#state === "done";
  }

  /** The end of the connection is the end of the body. */
  get untilClose(): boolean {
    return this.#state === "close";
  }

  feed(bytes: Buffer): void {
    this.#left = this.#left.length === 0 ? bytes : Buffer.concat([this.#left, bytes]);
    if (this.#state === "head" && !this.#readHead()) return;
    if (this.#state === "chunked") this.#readChunks();
    else if (this.#state === "length") this.#readLength();
    else if (this.#state === "close") this.#emit(this.#left.length);
    if (this.#state === "done" && this.#left.length > 0) throw new Error(`${this.#left.length} bytes after the answer`);
  }

  #readHead(): boolean {
    const end = this.#left.indexOf("\r\n\r\n");
    if (end < 0) return false;
    const [statusLine = "", ...lines] = this.#left.toString("latin1", 0, end).split("\r\n");
    this.#left = this.#left.subarray(end + 4);
    const status = /^HTTP\/1\.1 (\d{3}) /.exec(`${statusLine} `);
    if (status === null) throw new Error(`status line ${JSON.stringify(statusLine)}`);
    this.status = Number(status[1]);
    this.headers = lines.map(readField);
    const values = (wanted: string): string[] =>
      this.headers.filter(([name]) => name === wanted).map(([, value]) => value);
    const [lengths, codings] = [values("content-length"), values("transfer-encoding")];
    if (lengths.length + codings.length > 1) throw new Error("more than one framing");
    this.#missing = lengths[0] === undefined ? -1 : Number(lengths[0]);
    this.#state = codings[0] === "chunked" ? "chunked" : lengths[0] === undefined ? "close" : "length";
    return true;
  }

  #readLength(): void {
    const take = Math.min(this.#missing, this.#left.length);
    this.#missing -= take;
    this.#emit(take);
    if (this.#missing === 0) this.#state = "done";
  }

  #readChunks(): void {
    for (;;) {
      if (this.#missing < 0) {
        const lineEnd = this.#left.indexOf("\r\n");
        if (lineEnd < 0) return;
        const line = this.#left.toString("latin1", 0, lineEnd);
        if (!/^[0-9a-f]+$/i.test(line)) throw new Error(`chunk size ${JSON.stringify(line)}`);
        this.#missing = parseInt(line, 16);
        this.#left = this.#left.subarray(lineEnd + 2);
      }
      // The CRLF behind the data comes with it, or is waited for.
      if (this.#left.length < this.#missing + 2) return;
      const last = this.#missing === 0;
      this.#emit(this.#missing);
      if (this.#left.toString("latin1", 0, 2) !== "\r\n") throw new Error("chunk data without CRLF behind it");
      this.#left = this.#left.subarray(2);
      this.#missing = -1;
      if (last) {
        this.#state = "done";
        return;
      }
    }
  }

  #emit(length: number): void {
    if (length === 0) return;
    const part = this.#left.subarray(0, length);
    this.#left = this.#left.subarray(length);
    this.parts.push(part);
    this.#onData(part);
  }
}

function readField(line: string): readonly [string, string] {
  const colon = line.indexOf(":");
  if (colon < 1) throw new Error(`header line ${JSON.stringify(line)}`);
  return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
}
