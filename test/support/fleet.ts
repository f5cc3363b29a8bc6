/**
 * A router as it is shipped, and engines behind it, on free ports: the ground of all end-to-end tests and of the soak. Whatever was
 * started is stopped with the fleet; a programming error that the router caught fails the test even when nobody noticed it.
 */
import { startMockEngine, type MockEngine } from "../../src/mock-engine/mock-engine.ts";
import { mockEngineOptions, type MockEngineOptions } from "../../src/mock-engine/options.ts";
import { compiledBinary } from "./compiled-binary.ts";
import { readExposition, type Exposition } from "./exposition.ts";
import { ask, postJson, type HttpAnswer, type HttpRequest } from "./http-client.ts";
import { Program } from "./program.ts";
import { ScriptedInstance, type Script } from "./scripted-instance.ts";
import { until } from "./until.ts";

const WORKERS = 2;
const IN_FLIGHT = "fd_router_in_flight_requests";

export interface FleetOptions {
  readonly flags?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export interface EngineProcess {
  readonly program: Program;
  readonly port: number;
  readonly id: string;
}

export class Fleet implements AsyncDisposable {
  readonly router: Program;
  readonly port: number;
  readonly registrationPort: number;
  readonly #owned: (() => unknown)[] = [];
  #instances = 0;

  private constructor(router: Program, port: number, registrationPort: number) {
    this.router = router;
    this.port = port;
    this.registrationPort = registrationPort;
  }

  /** Options by their environment variables, flags beside the port and two worker threads. */
  static async start({ flags = [], env = {} }: FleetOptions = {}): Promise<Fleet> {
    const binary = await compiledBinary();
    const router = Program.start([binary, "--port", "0", "--workers", String(WORKERS), ...flags], env);
    const [, port] = await router.says(/Listening on port (\d+)/);
    const [, registrationPort] = await router.says(/Listening for registrations on 127\.0\.0\.1:(\d+)/);
    return new Fleet(router, Number(port), Number(registrationPort));
  }

  /** An engine inside this process, a thousand times faster than a real one unless told otherwise. */
  async engine(overrides: Partial<MockEngineOptions> = {}): Promise<MockEngine> {
    const engine = startMockEngine(mockEngineOptions({ timeScale: 1000, ...overrides }));
    this.#owned.push(() => engine.stop(0.001));
    await this.register(engine.port);
    return engine;
  }

  /** An engine that can be killed; it registers itself as FastDeploy does. */
  async engineProcess(...flags: readonly string[]): Promise<EngineProcess> {
    const router = ["--router", `127.0.0.1:${this.port}`];
    const command = [await compiledBinary(), "mock-engine", "--host", "127.0.0.1", "--port", "0", ...router, ...flags];
    const program = Program.start(command);
    this.#owned.push(() => program.stop());
    const [, port] = await program.says(/listening on http:\/\/127\.0\.0\.1:(\d+)/);
    this.#instances++;
    await this.#allUsable();
    return { program, port: Number(port), id: `http://127.0.0.1:${port}` };
  }

  async scripted(script: Script): Promise<ScriptedInstance> {
    const instance = new ScriptedInstance(script);
    this.#owned.push(() => instance.die());
    await this.register(instance.port);
    return instance;
  }

  async register(port: number, fields: object = {}): Promise<void> {
    const registration = { role: "mixed", host_ip: "127.0.0.1", port, ...fields };
    const answer = await this.ask(postJson("/register", registration));
    if (answer.status !== 200) throw new Error(`/register answered ${answer.status} ${answer.text}\n${this.log}`);
    this.#instances++;
    await this.#allUsable();
  }

  /** Waits until every worker thread knows that so many instances are usable. */
  async usable(count: number): Promise<void> {
    this.#instances = count;
    await this.#allUsable();
  }

  async #allUsable(): Promise<void> {
    const isSo = async (): Promise<boolean> => {
      // Connections are spread over the threads by their ports: several in a row meet all of them.
      const answers = await Promise.all(Array.from({ length: 4 * WORKERS }, () => this.ask({ path: "/ready" })));
      const found = answers.map(({ status, text }) => (status === 200 ? Number(JSON.parse(text).instances) : 0));
      return found.every((each) => each === this.#instances);
    };
    await until(isSo, `${this.#instances} usable instances`, 10_000, () => this.log);
  }

  ask(request: HttpRequest): Promise<HttpAnswer> {
    return ask(this.port, request);
  }

  chat(fields: object): Promise<HttpAnswer> {
    return this.ask(postJson("/v1/chat/completions", fields));
  }

  async metrics(): Promise<Exposition> {
    const { status, text } = await this.ask({ path: "/metrics" });
    if (status !== 200) throw new Error(`/metrics answered ${status} ${text}`);
    return readExposition(text);
  }

  /** Waits until the router counts no request on any instance. */
  async idle(): Promise<void> {
    let metrics = await this.metrics();
    const isIdle = async (): Promise<boolean> => {
      metrics = await this.metrics();
      return metrics.sum(IN_FLIGHT) === 0;
    };
    const counts = (): string => [...metrics.values].filter(([series]) => series.startsWith(IN_FLIGHT)).join("\n");
    await until(isIdle, "no request in flight", 5000, () => `${counts()}\n${this.log}`);
    for (const [series, value] of metrics.values) {
      if (series.startsWith(IN_FLIGHT) && value !== 0) throw new Error(`${series} is ${value}, the sum is 0`);
    }
  }

  /** The end of what the router wrote. */
  get log(): string {
    return `router's last lines:\n${this.router.output.split("\n").slice(-30).join("\n")}`;
  }

  async stop(): Promise<void> {
    for (const stop of this.#owned.toReversed()) await stop();
    await this.router.stop();
    if (this.router.output.includes("Panic recovered")) throw new Error(`the router caught a crash\n${this.log}`);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}
