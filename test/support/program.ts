/** A program under test as a process: started, waited for until it says that it is ready, its output kept, and surely ended. */
import { until } from "./until.ts";

const running = new Set<Program>();
process.on("exit", () => {
  for (const program of running) program.kill("SIGKILL");
});

export class Program implements AsyncDisposable {
  readonly #child: Bun.Subprocess<"ignore", "pipe", "pipe">;
  readonly #readers: Promise<unknown>;
  #output = "";

  private constructor(command: readonly string[], env: Readonly<Record<string, string>>) {
    // The one variable that is handed on: it runs the same tests on the other front.
    const front = process.env["FD_ROUTER_SERVER_FRONT"];
    const environment = {
      PATH: process.env["PATH"] ?? "",
      ...(front !== undefined && { FD_ROUTER_SERVER_FRONT: front }),
      ...env,
    };
    this.#child = Bun.spawn([...command], { env: environment, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
    this.#readers = Promise.all([this.#collect(this.#child.stdout), this.#collect(this.#child.stderr)]);
    running.add(this);
    void this.#child.exited.then(() => running.delete(this));
  }

  static start(command: readonly string[], env: Readonly<Record<string, string>> = {}): Program {
    return new Program(command, env);
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** All that it wrote so far, on both streams. */
  get output(): string {
    return this.#output;
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Waits for the exit and the last words. */
  async exited(): Promise<number> {
    const code = await this.#child.exited;
    await this.#readers;
    return code;
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** The first match in its output. Fails when the program ends without having said it. */
  async says(pattern: RegExp): Promise<RegExpExecArray> {
    let match: RegExpExecArray | null = null;
    const ended = (): boolean => !this.running;
    await until(() => (match = pattern.exec(this.#output)) !== null || ended(), `${pattern} in the output`, 10_000);
    match ??= pattern.exec(this.#output);
    if (match === null) throw new Error(`program ended without saying ${pattern}:\n${this.#output}`);
    return match;
  }

  async stop(): Promise<void> {
    this.kill("SIGKILL");
    await this.exited();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #collect(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<void> {
    const decoder = new TextDecoder();
    for await (const chunk of stream) this.#output += decoder.decode(chunk, { stream: true });
  }
}
