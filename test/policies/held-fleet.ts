/** Engines that hold every request until the test lets go, behind the compiled router: whoever is chosen is plain to see. */
import { Fleet, type FleetOptions } from "../support/fleet.ts";
import { ask, postJson, type HttpAnswer } from "../support/http-client.ts";
import { ScriptedInstance, wholeAnswerBytes } from "../support/scripted-instance.ts";
import { until } from "../support/until.ts";

/** Digests go out every 10 ms where engines are few; after this time every worker thread has heard of a choice, or of an end. */
const HEARD_MS = 80;

export class HeldEngine {
  readonly instance: ScriptedInstance;
  /** What `/metrics` says; empty is an empty page. */
  page = "";
  scrapes = 0;
  readonly #held: (() => void)[] = [];

  constructor() {
    this.instance = new ScriptedInstance(({ head, socket }) => {
      if (head.startsWith("GET /metrics ")) {
        this.scrapes++;
        socket.write(wholeAnswerBytes(this.page, "content-type: text/plain\r\n"));
      } else this.#held.push(() => void socket.write(wholeAnswerBytes('{"choices":[]}')));
    });
  }

  get held(): number {
    return this.#held.length;
  }

  /** Answers the request that has waited longest. */
  release(): void {
    this.#held.shift()?.();
  }
}

export function reports(running: number, waiting: number): string {
  return `fastdeploy:num_requests_running ${running}.0\nfastdeploy:num_requests_waiting ${waiting}.0\n`;
}

export class HeldFleet implements AsyncDisposable {
  readonly fleet: Fleet;
  /** In the order of their URLs. */
  readonly engines: readonly HeldEngine[];
  readonly #answers: Promise<HttpAnswer>[] = [];

  private constructor(fleet: Fleet, engines: readonly HeldEngine[]) {
    this.fleet = fleet;
    this.engines = engines;
  }

  static async start(
    size: number,
    options: FleetOptions & { readonly workers: number; readonly dress?: (engine: HeldEngine, number: number) => void },
  ): Promise<HeldFleet> {
    const flags = ["--workers", String(options.workers), ...(options.flags ?? [])];
    const fleet = await Fleet.start({ ...options, flags });
    const engines = Array.from({ length: size }, () => new HeldEngine()).toSorted((a, b) =>
      String(a.instance.port) < String(b.instance.port) ? -1 : 1,
    );
    engines.forEach((engine, number) => options.dress?.(engine, number));
    for (const { instance } of engines) await fleet.register(instance.port);
    return new HeldFleet(fleet, engines);
  }

  /** Sends a chat on a connection of its own, and tells which engine holds it. */
  async open(content: unknown, more: object = {}): Promise<number> {
    const before = this.engines.map(({ held }) => held);
    this.#answers.push(this.#send({ messages: [{ role: "user", content }], ...more }));
    let chosen = -1;
    const arrived = (): boolean => (chosen = this.engines.findIndex(({ held }, i) => held > (before[i] ?? 0))) >= 0;
    await until(arrived, "a request at an engine", 5000, () => this.fleet.log);
    await Bun.sleep(HEARD_MS);
    return chosen;
  }

  /** Sends so many at once. */
  async openMany(count: number): Promise<void> {
    const total = (): number => this.engines.reduce((sum, { held }) => sum + held, 0);
    const wanted = total() + count;
    for (let i = 0; i < count; i++) this.#answers.push(this.#send({ messages: [{ role: "user", content: "x" }] }));
    await until(
      () => total() === wanted,
      `${wanted} requests at the engines`,
      5000,
      () => this.fleet.log,
    );
  }

  /** The same as `open` for a request that ends at once. */
  async run(content: unknown, more: object = {}): Promise<number> {
    const chosen = await this.open(content, more);
    await this.end(chosen);
    return chosen;
  }

  async end(engine: number): Promise<void> {
    this.engines[engine]?.release();
    await Bun.sleep(HEARD_MS);
  }

  #send(body: object): Promise<HttpAnswer> {
    return ask(this.fleet.port, postJson("/v1/chat/completions", body));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const engine of this.engines) while (engine.held > 0) engine.release();
    await Promise.all(this.#answers);
    for (const { instance } of this.engines) instance.die();
    await this.fleet.stop();
  }
}
