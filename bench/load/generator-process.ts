/** The runner's side of the load generator. */
import type { Subprocess } from "bun";
import { endProcess, pinned } from "../arms/pinned-process.ts";
import type { FromGenerator, LoadResult, LoadSpec } from "./load-spec.ts";

/** Called when the measured time begins and ends. */
export interface Marks {
  readonly begin: () => void;
  readonly end: () => void;
}

/** Longer than any run on top of its own time: for ramps on a busy machine. */
const PATIENCE_MS = 60_000;

export class GeneratorProcess {
  readonly #child: Subprocess;
  readonly #ready = Promise.withResolvers<void>();
  #marks: Marks | null = null;
  #done: ((result: LoadResult) => void) | null = null;

  constructor(cores: string) {
    const script = new URL("./generator.ts", import.meta.url).pathname;
    this.#child = Bun.spawn(pinned([process.execPath, script], cores), {
      stdin: "ignore",
      stdout: "inherit",
      stderr: "inherit",
      ipc: (message: FromGenerator) => this.#receive(message),
    });
  }

  async run(spec: LoadSpec, marks: Marks): Promise<LoadResult> {
    await this.#ready.promise;
    const { promise, resolve, reject } = Promise.withResolvers<LoadResult>();
    this.#marks = marks;
    this.#done = resolve;
    const limitMs = spec.warmUpMs + spec.durationMs + PATIENCE_MS;
    const timer = setTimeout(
      () => reject(new Error(`the load generator gave no result within ${limitMs} ms`)),
      limitMs,
    );
    this.#child.send(spec);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
    }
  }

  async stop(): Promise<void> {
    await endProcess(this.#child);
  }

  #receive(message: FromGenerator): void {
    switch (message.kind) {
      case "ready":
        this.#ready.resolve();
        return;
      case "measuring":
        this.#marks?.begin();
        return;
      case "measured":
        this.#marks?.end();
        return;
      case "done":
        this.#done?.(message.result);
    }
  }
}
