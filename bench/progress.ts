/** Says on stderr what is being measured: one line that is written over on a terminal, a line for each part of the run elsewhere. */

export class Progress {
  readonly #parts: number;
  readonly #startedAt = performance.now();
  readonly #isTerminal = process.stderr.isTTY;
  #suite = "";
  #number = 0;

  constructor(parts: number) {
    this.#parts = parts;
  }

  suite(name: string): void {
    this.#number++;
    this.#suite = name;
    if (!this.#isTerminal) process.stderr.write(`${this.#line("")}\n`);
  }

  step(text: string): void {
    if (this.#isTerminal) process.stderr.write(`\r\x1b[K${this.#line(text)}`);
  }

  end(): void {
    if (this.#isTerminal) process.stderr.write("\r\x1b[K");
  }

  #line(text: string): string {
    const seconds = ((performance.now() - this.#startedAt) / 1000).toFixed(0);
    return `[${this.#number}/${this.#parts}] ${seconds.padStart(4)} s  ${this.#suite}  ${text}`.trimEnd();
  }
}
