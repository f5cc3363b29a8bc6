/** The runner's side of load-program.ts: all arms stand between its two ends. Others only send. */
import type { Subprocess } from "bun";
import { endProcess, pinned } from "../arms/pinned-process.ts";
import type { FromLoad, LoadResult, LoadSpec } from "./load-spec.ts";

/** The same for all arms, so that programs which are configured by hand can be measured too. */
const ENGINE_PORTS: readonly number[] = [19001, 19002, 19003, 19004];

/** Called when the measured time begins and ends. */
export interface Marks {
  readonly begin: () => void;
  readonly end: () => void;
}

/** Longer than any run on top of its own time: for ramps on a busy machine. */
const PATIENCE_MS = 60_000;

export class LoadProcess {
  /** Of the engine, which is the first process's. */
  readonly ports = ENGINE_PORTS;
  readonly #child: Subprocess;
  readonly #ready = Promise.withResolvers<void>();
  #marks: Marks | null = null;
  #done: ((result: LoadResult) => void) | null = null;

  private constructor(cores: string, listensOn: readonly number[]) {
    const script = new URL("./load-program.ts", import.meta.url).pathname;
    this.#child = Bun.spawn(pinned([process.execPath, script, ...listensOn.map(String)], cores), {
      stdin: "ignore",
      stdout: "inherit",
      stderr: "inherit",
      ipc: (message: FromLoad) => this.#receive(message),
      onExit: (_child, code) => {
        const text = `engine and load generator ended with ${code}; it wants these ports: ${listensOn.join(", ") || "none"}`;
        this.#ready.reject(new Error(text));
      },
    });
  }

  /** Resolves when the engine listens. */
  static start(cores: string): Promise<LoadProcess> {
    return LoadProcess.#started(new LoadProcess(cores, ENGINE_PORTS));
  }

  /** A generator without an engine. */
  static startGenerator(cores: string): Promise<LoadProcess> {
    return LoadProcess.#started(new LoadProcess(cores, []));
  }

  static async #started(load: LoadProcess): Promise<LoadProcess> {
    await load.#ready.promise;
    return load;
  }

  async run(spec: LoadSpec, marks: Marks): Promise<LoadResult> {
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

  /** Connections that the engine has accepted since the start. */
  async opened(): Promise<number> {
    const answer = await fetch(`http://127.0.0.1:${this.ports[0]}/stats`, { keepalive: false });
    const stats: unknown = await answer.json();
    return typeof stats === "object" && stats !== null && "opened" in stats ? Number(stats.opened) : Number.NaN;
  }

  async stop(): Promise<void> {
    await endProcess(this.#child);
  }

  #receive(message: FromLoad): void {
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
