/** What could not be written to a socket yet: Bun's `write` takes what fits and leaves the rest to the caller. Both ends use it. */

export class Outbox {
  readonly #write: (bytes: Uint8Array) => number;
  readonly #maxBytes: number;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;

  constructor(write: (bytes: Uint8Array) => number, maxBytes: number) {
    this.#write = write;
    this.#maxBytes = maxBytes;
  }

  /** False when the peer reads so little that the limit is passed: give the connection up. */
  send(frame: Uint8Array): boolean {
    this.#waiting.push(frame);
    this.#waitingBytes += frame.length;
    this.flush();
    return this.#waitingBytes <= this.#maxBytes;
  }

  /** Called again when the socket has room. */
  flush(): void {
    let first = this.#waiting[0];
    while (first !== undefined) {
      const written = Math.max(0, this.#write(first));
      this.#waitingBytes -= written;
      if (written < first.length) {
        this.#waiting[0] = first.subarray(written);
        return;
      }
      this.#waiting.shift();
      first = this.#waiting[0];
    }
  }

  get empty(): boolean {
    return this.#waitingBytes === 0;
  }
}
