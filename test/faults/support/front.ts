/** The real front (worker service on Bun.serve, proxy, scheduler, HTTP client) in this process, with instances of the test's choice. */
import type { MessagePort } from "node:worker_threads";
import { EMPTY_SNAPSHOT } from "../../../src/fleet/snapshot.ts";
import type { ControlReply, ControlRequest } from "../../../src/fleet/control.ts";
import type { Instance } from "../../../src/fleet/instance.ts";
import { FRONTS, type FrontName } from "../../../src/front/front.ts";
import { logOptions } from "../../../src/log/options.ts";
import { proxyOptions, type ProxyOptions } from "../../../src/proxy/options.ts";
import { schedulerOptions } from "../../../src/scheduler/options.ts";
import { MainLink } from "../../../src/worker/main-link.ts";
import type { FromWorker } from "../../../src/worker/messages.ts";
import { WorkerService } from "../../../src/worker/service.ts";
import { instanceAt } from "../../support/instance.ts";

export interface FrontOptions {
  readonly proxy?: Partial<ProxyOptions>;
  readonly model?: string | null;
  readonly control?: (request: ControlRequest) => Promise<ControlReply>;
}

type Metrics = Extract<FromWorker, { readonly kind: "metrics" }>;

export class Front {
  readonly port: number;
  readonly messages: FromWorker[];
  readonly #service: WorkerService;
  readonly #options: FrontOptions;
  #version = 0;

  constructor(ports: readonly number[], options: FrontOptions = {}) {
    const messages: FromWorker[] = [];
    const control =
      options.control ?? (async () => ({ status: 200, contentType: "application/json", body: '{"ok":1}' }));
    const port: Pick<MessagePort, "postMessage"> = {
      postMessage: (message: FromWorker) => {
        messages.push(message);
        if (message.kind !== "control") return;
        void control(message.request).then((reply) => link.replied(message.id, reply));
      },
    };
    const link = new MainLink(port as MessagePort);
    this.messages = messages;
    this.#options = options;
    this.#service = WorkerService.start(
      {
        name: "test",
        front: testFront(),
        hostname: "127.0.0.1",
        port: 0,
        reusePort: false,
        seed: 1,
        prefixSeed: 1,
        splitwise: false,
        proxy: proxyOptions.parse({ "connect-timeout-secs": 0.3, ...options.proxy }),
        scheduler: schedulerOptions.parse({}),
        log: logOptions.parse({}),
      },
      EMPTY_SNAPSHOT,
      link,
    );
    const listening = messages.find((message) => message.kind === "listening");
    if (listening === undefined) throw new Error("the front does not listen");
    this.port = listening.port;
    this.setInstances(ports);
  }

  setInstances(ports: readonly number[]): void {
    const members = ports.map((port) => ({
      instance: instanceOn(port, this.#options.model ?? null),
      state: "ready" as const,
      epoch: 1,
      readyAgeMs: 1e9,
      report: null,
    }));
    this.#service.receive({ kind: "snapshot", snapshot: { version: ++this.#version, members } });
  }

  receive(...args: Parameters<WorkerService["receive"]>): void {
    this.#service.receive(...args);
  }

  metrics(): Metrics {
    this.#service.receive({ kind: "collect" });
    const last = this.messages.findLast((message) => message.kind === "metrics");
    if (last === undefined) throw new Error("no metrics came");
    return last;
  }

  /** Value of a series whose text has all the parts; 0 when there is none. */
  counter(...parts: readonly string[]): number {
    const counters = [...this.metrics().data.counters];
    return counters
      .filter(([series]) => parts.every((part) => series.includes(part)))
      .reduce((sum, [, value]) => sum + value, 0);
  }

  /** Over all instances, as the scheduler counts. */
  get inFlight(): number {
    return this.metrics().instances.reduce((sum, { inFlight }) => sum + inFlight, 0);
  }

  crashes(): readonly string[] {
    return this.messages.flatMap((message) => (message.kind === "crashed" ? [message.message] : []));
  }

  stop(): Promise<void> {
    return this.#service.stop();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

/** `FD_ROUTER_TEST_FRONT=raw` runs the tests on the other front. */
function testFront(): FrontName {
  return FRONTS.find((name) => name === process.env["FD_ROUTER_TEST_FRONT"]) ?? "serve";
}

export function instanceOn(port: number, model: string | null = null): Instance {
  return instanceAt("127.0.0.1", port, { model });
}
