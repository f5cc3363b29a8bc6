/**
 * Collects the log lines of a thread between two sends, as bytes: as one long string they would live on through garbage collections, each
 * of which walks all of it. Kept by recorder.ts.
 */

const FIRST_BYTES = 64 * 1024;
/** Further lines are dropped, and counted. */
const MAX_BYTES = 1024 * 1024;
/** Characters that are put together before they become bytes: one call for some fifteen lines. */
const BATCH = 2048;
/** UTF-8 bytes of a UTF-16 unit at most. */
const MAX_UNIT_BYTES = 3;

export class LineBuffer {
  #bytes = Buffer.allocUnsafe(FIRST_BYTES);
  #used = 0;
  #batch = "";
  #dropped = 0;

  /** Lines dropped so far. */
  get dropped(): number {
    return this.#dropped;
  }

  /** With its newline. */
  add(line: string): void {
    if (this.#used > MAX_BYTES) {
      this.#dropped++;
      return;
    }
    this.#batch += line;
    if (this.#batch.length > BATCH) this.#encode();
  }

  /** Lines since the last call; empty when there are none. */
  take(): string {
    this.#encode();
    const lines = this.#bytes.toString("utf8", 0, this.#used);
    this.#used = 0;
    return lines;
  }

  #encode(): void {
    const wanted = this.#used + this.#batch.length * MAX_UNIT_BYTES;
    if (wanted > this.#bytes.length) this.#grow(wanted);
    this.#used += this.#bytes.write(this.#batch, this.#used);
    this.#batch = "";
  }

  #grow(wanted: number): void {
    const grown = Buffer.allocUnsafe(Math.max(wanted, 2 * this.#bytes.length));
    this.#bytes.copy(grown, 0, 0, this.#used);
    this.#bytes = grown;
  }
}
