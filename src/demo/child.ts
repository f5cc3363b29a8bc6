/** A router or engine that the demo started: its process, and what it last wrote to stderr. Used by fleet.ts. */
import { selfCommand } from "../lib/self-command.ts";

/** How long a child may take to leave after SIGTERM. */
const GRACE_MS = 2000;
const KEPT_CHARS = 4000;

export class Child {
  readonly name: string;
  readonly #process: Bun.Subprocess<"ignore", "ignore", "pipe">;
  #stderr = "";
  #stopping = false;
  /** Rejects when the child ends unasked, with the end of its stderr; never resolves. */
  readonly died: Promise<never>;

  /** `args` begin with the command: `mock-engine --port ...`. */
  constructor(name: string, args: readonly string[]) {
    this.name = name;
    this.#process = Bun.spawn([...selfCommand(), ...args], { stdin: "ignore", stdout: "ignore", stderr: "pipe" });
    const drained = this.#drainStderr(this.#process.stderr);
    this.died = this.#process.exited.then(async (code) => {
      await drained;
      if (this.#stopping) return new Promise<never>(() => {});
      throw new Error(`${name} ended with exit code ${code}${this.lastWords}`);
    });
    // Whoever waits for it hears of it; without a waiter it must not end the demo as an unhandled rejection.
    this.died.catch(() => {});
  }

  /** The end of its stderr, to be put behind a message; empty when it wrote nothing. */
  get lastWords(): string {
    const text = this.#stderr.trim();
    return text === "" ? "" : `; it wrote:\n${text}`;
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    this.#process.kill("SIGTERM");
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, GRACE_MS);
    await Promise.race([this.#process.exited, late]);
    clearTimeout(timer);
    this.killNow();
    await this.#process.exited;
  }

  /** Without waiting: for the process's own exit. No effect on one that is gone. */
  killNow(): void {
    this.#stopping = true;
    if (this.#process.exitCode === null) this.#process.kill("SIGKILL");
  }

  async #drainStderr(stream: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    for await (const chunk of stream) {
      this.#stderr = (this.#stderr + decoder.decode(chunk, { stream: true })).slice(-KEPT_CHARS);
    }
  }
}
