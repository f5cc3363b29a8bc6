/** One compiled router with one scripted engine, for the tests of this folder: they say in our own words what the Go router's users rely on. */
import { setTimeout as sleep } from "node:timers/promises";
import { compiledBinary } from "../../support/compiled-binary.ts";
import { exchange, type Exchange } from "../client.ts";
import { GoldenEngine } from "../engine.ts";
import { freePort, RouterProcess } from "../router.ts";

export interface RouterSettings {
  readonly config?: object;
  readonly splitwise?: boolean;
}

export interface PlainAnswer {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
  readonly framing: string;
}

export class RunningRouter {
  readonly port: number;
  readonly #process: RouterProcess;

  private constructor(process: RouterProcess, port: number) {
    this.#process = process;
    this.port = port;
  }

  static async start({ config = {}, splitwise = false }: RouterSettings = {}): Promise<RunningRouter> {
    const port = await freePort();
    const process = new RouterProcess({
      binary: await compiledBinary(),
      args: ["--config_path", "config.yaml", "--port", String(port), ...(splitwise ? ["--splitwise"] : [])],
      environment: { FD_ROUTER_SERVER_WORKERS: "1" },
      files: { "config.yaml": JSON.stringify(config) },
      merged: true,
    });
    if (!(await process.listens(port, 15_000))) throw new Error(`the router does not listen: ${process.stdout}`);
    return new RunningRouter(process, port);
  }

  stop(): Promise<void> {
    return this.#process.dispose();
  }

  raw(request: string | Buffer): Promise<Exchange> {
    return exchange(this.port, Buffer.from(request), "stay");
  }

  async send(
    method: string,
    path: string,
    body: string | null = null,
    fields: readonly string[] = [],
  ): Promise<PlainAnswer> {
    const length = body === null ? [] : [`Content-Length: ${Buffer.byteLength(body)}`];
    const head = [`${method} ${path} HTTP/1.1`, "Host: router.test", ...fields, ...length].join("\r\n");
    const answer = await this.raw(`${head}\r\n\r\n${body ?? ""}`);
    if ("ended" in answer) throw new Error(`no answer to ${method} ${path}: ${answer.ended}`);
    return {
      status: Number(answer.status.slice(9, 12)),
      headers: new Map(answer.headers.map(([name, value]) => [name.toLowerCase(), value])),
      body: answer.body.toString(),
      framing: answer.framing,
    };
  }

  async register(engine: GoldenEngine, fields: object = {}): Promise<PlainAnswer> {
    return this.send(
      "POST",
      "/register",
      JSON.stringify({ role: "mixed", host_ip: "127.0.0.1", port: engine.port, ...fields }),
    );
  }

  /** The log lines after what `act` does, without time and place; waits until `count` are there. */
  async linesOf(act: () => Promise<unknown>, count: number): Promise<readonly string[]> {
    const { length } = this.#process.stdout;
    await act();
    // The statistics come at their own time.
    const lines = (): readonly string[] =>
      this.#process.stdout
        .slice(length)
        .split("\n")
        .filter((line) => line !== "" && !line.includes("[stats]"));
    for (let waitedMs = 0; waitedMs < 2000 && lines().length < count; waitedMs += 20) await sleep(20);
    return lines().map((line) => line.replace(/\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d logger\.go:\d+: /, ""));
  }
}

export async function startEngine(name = "engine"): Promise<GoldenEngine> {
  // Every address of this machine, IPv4 and IPv6.
  const engine = new GoldenEngine(name, "::");
  await engine.start();
  return engine;
}

export const CHAT = "/v1/chat/completions";
export const HELLO = '{"model":"m","messages":[{"role":"user","content":"hello"}]}';
export const HELLO_STREAM = '{"model":"m","messages":[{"role":"user","content":"hello"}],"stream":true}';
