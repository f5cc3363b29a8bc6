/** A router of its own process, with a configuration file and a notify socket, driven by signals as systemd does it. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { NotifyReceiver } from "./notify-receiver.ts";

const MAIN = new URL("../../../src/main.ts", import.meta.url).pathname;

export interface RouterOptions {
  /** Lines of config.yaml. */
  readonly config?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly port?: number;
}

export class RouterProcess implements AsyncDisposable {
  readonly notify: NotifyReceiver;
  readonly folder: string;
  readonly #child: Bun.Subprocess<"ignore", "pipe", "pipe">;
  #output = "";
  port = 0;

  static async start(options: RouterOptions = {}): Promise<RouterProcess> {
    const folder = await mkdtemp(join(tmpdir(), "fd-router-service-"));
    await Bun.write(join(folder, "config.yaml"), options.config ?? "");
    const router = new RouterProcess(folder, options);
    await router.notify.next("READY");
    router.port = options.port ?? Number(/Listening on port (\d+)/.exec(await router.said("Listening on port"))?.[1]);
    return router;
  }

  private constructor(folder: string, { env, port }: RouterOptions) {
    this.folder = folder;
    const address = join(folder, "notify");
    this.notify = new NotifyReceiver(address);
    const flags = ["--config_path", this.configPath, "--port", String(port ?? 0), "--workers", "2"];
    this.#child = Bun.spawn([process.execPath, MAIN, ...flags, "--registration-port", "0"], {
      cwd: folder,
      env: { PATH: process.env["PATH"] ?? "", NOTIFY_SOCKET: address, WATCHDOG_USEC: "1000000", ...env },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    void this.#collect(this.#child.stdout);
    void this.#collect(this.#child.stderr);
  }

  get configPath(): string {
    return join(this.folder, "config.yaml");
  }

  /** All that it has written. */
  get output(): string {
    return this.#output;
  }

  async writeConfig(text: string): Promise<void> {
    await Bun.write(this.configPath, text);
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  get exited(): Promise<number> {
    return this.#child.exited;
  }

  /** Reloads, and resolves when systemd would take the reload for done. */
  async reload(): Promise<void> {
    const from = this.notify.messages.length;
    this.signal("SIGHUP");
    await this.notify.next("READY", from);
  }

  /** Registers an engine at a loopback port. */
  async register(port: number): Promise<void> {
    const body = JSON.stringify({ role: "mixed", host_ip: "127.0.0.1", port });
    const answer = await fetch(`http://127.0.0.1:${this.port}/register`, { method: "POST", body });
    if (answer.status !== 200) throw new Error(`not registered: ${await answer.text()}`);
  }

  /** Resolves with the output once it holds the text. */
  async said(text: string): Promise<string> {
    const deadline = performance.now() + 10_000;
    while (!this.#output.includes(text)) {
      if (performance.now() > deadline) throw new Error(`it never said ${JSON.stringify(text)}:\n${this.#output}`);
      await Bun.sleep(5);
    }
    return this.#output;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.exited;
    this.notify.close();
    await rm(this.folder, { recursive: true });
  }

  async #collect(stream: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    for await (const chunk of stream) this.#output += decoder.decode(chunk, { stream: true });
  }
}
