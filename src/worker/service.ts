/** What a worker thread does: builds the parts that a request needs, and feeds them what the main thread sends. Started by thread.ts. */
import { EMPTY_SNAPSHOT, type FleetSnapshot } from "../fleet/snapshot.ts";
import type { Front, FrontClient, FrontOptions } from "../front/front.ts";
import { RawFront } from "../front/raw/raw-front.ts";
import { ServeFront } from "../front/serve/serve-front.ts";
import { LiveSet } from "../lib/live-set.ts";
import { createRandom } from "../lib/random.ts";
import type { ProxyContext, ProxyLimits } from "../proxy/context.ts";
import { handle } from "../proxy/handle.ts";
import type { ProxyOptions } from "../proxy/options.ts";
import { RetryBudget } from "../proxy/retry.ts";
import { Scheduler } from "../scheduler/scheduler.ts";
import { UpstreamClient, type UpstreamClientOptions } from "../upstream/client.ts";
import { abortRequests } from "./abort-requests.ts";
import { answerLocally } from "./local-answers.ts";
import { Departures } from "./departures.ts";
import type { MainLink } from "./main-link.ts";
import type { LiveOptions, ToWorker, WorkerSettings } from "./messages.ts";
import { ModelList } from "./models.ts";
import { Prompts } from "./prompts.ts";
import { ThreadRecorder } from "./recorder.ts";
import { Ticker } from "./ticker.ts";

const now = (): number => performance.now();

export class WorkerService {
  readonly #link: MainLink;
  readonly #scheduler: Scheduler;
  readonly #upstream: UpstreamClient;
  readonly #recorder: ThreadRecorder;
  readonly #prompts: Prompts;
  #proxy: ProxyContext;
  readonly #ticker: Ticker;
  readonly #departures = new Departures();
  readonly #clients = new LiveSet<FrontClient>();
  #front: Front | null = null;
  #snapshot: FleetSnapshot = EMPTY_SNAPSHOT;
  #draining = false;

  static start(settings: WorkerSettings, snapshot: FleetSnapshot, link: MainLink): WorkerService {
    const service = new WorkerService(settings, link);
    service.#update(snapshot);
    service.#listen(settings);
    return service;
  }

  private constructor(settings: WorkerSettings, link: MainLink) {
    const { proxy, scheduler, log, name, seed } = settings;
    const random = createRandom(seed);
    this.#link = link;
    this.#scheduler = new Scheduler({ name, options: scheduler, random });
    this.#upstream = new UpstreamClient(clientOptions(proxy));
    this.#recorder = new ThreadRecorder({
      log,
      onLines: (lines) => link.sendLines(lines),
      onCrash: (message) => link.send({ kind: "crashed", message }),
      onFailure: (id) => link.send({ kind: "observed", id }),
    });
    this.#prompts = new Prompts(settings.prefixSeed, (message) => this.#recorder.warn(message));
    const sources = {
      snapshot: () => this.#snapshot,
      draining: () => this.#draining,
      models: new ModelList(this.#upstream, now),
      abort: (body: Uint8Array) => abortRequests(this.#upstream, this.#snapshot, body),
      control: link.control.bind(link),
    };
    this.#proxy = {
      prompts: this.#prompts.reader(scheduler),
      dispatcher: this.#scheduler,
      upstream: this.#upstream,
      recorder: this.#recorder,
      retryBudget: newRetryBudget(proxy),
      limits: limitsOf(proxy),
      splitwise: settings.splitwise,
      now,
      random,
      requestLines: () => this.#recorder.requestLines(),
      answerLocally: (client, route) => answerLocally(client, route, sources),
    };
    this.#ticker = new Ticker({
      scheduler: this.#scheduler,
      recorder: this.#recorder,
      upstream: this.#upstream,
      link,
      departures: this.#departures,
      now,
    });
  }

  receive(message: ToWorker): void {
    switch (message.kind) {
      case "snapshot":
        this.#update(message.snapshot);
        return;
      case "reports":
        this.#scheduler.report(message.reports, now());
        return;
      case "digest":
        this.#scheduler.receive(message.digest, now());
        return;
      case "withdraw":
        this.#scheduler.withdraw(message.dispatcher);
        return;
      case "dispatchers":
        this.#scheduler.setDispatchers(message.index, message.count);
        this.#ticker.dispatchers = message.count;
        return;
      case "control-reply":
        this.#link.replied(message.id, message.reply);
        return;
      case "collect":
        this.#ticker.sendMetrics();
        return;
      case "ping":
        this.#link.send({ kind: "pong" });
        return;
      case "configure":
        this.#configure(message.options);
        this.#link.send({ kind: "configured" });
        return;
      case "drain":
        void this.#drain(message.noticeMs);
        return;
      case "cut":
        for (const { member: client } of this.#clients) {
          if (message.what === "all" || !client.isStreaming) client.cut(this.#proxy.random);
        }
        return;
      case "start":
        throw new Error("a worker thread was started twice");
    }
  }

  /** Ends at once, as a thread's end would. */
  async stop(): Promise<void> {
    this.#ticker.stop();
    this.#upstream.close();
    this.#prompts.close();
    await this.#front?.stopNow();
  }

  #listen({ front, hostname, port, reusePort }: WorkerSettings): void {
    const options: FrontOptions = {
      hostname,
      port,
      reusePort,
      now,
      random: this.#proxy.random,
      isDraining: () => this.#draining,
      accept: (client) => this.#accept(client),
      crashed: (error) => this.#recorder.crashed(error),
    };
    try {
      this.#front = front === "raw" ? new RawFront(options) : new ServeFront(options);
    } catch (error) {
      this.#link.send({ kind: "cannot-listen", message: error instanceof Error ? error.message : String(error) });
      return;
    }
    this.#link.send({ kind: "listening", port: this.#front.port });
    this.#ticker.start();
  }

  #accept(client: FrontClient): void {
    const slot = this.#clients.add(client);
    // It never rejects; `finally` would cost two promises more.
    void handle(client, this.#proxy).then(() => this.#clients.delete(slot));
  }

  #update(snapshot: FleetSnapshot): void {
    if (snapshot.version <= this.#snapshot.version) return;
    this.#snapshot = snapshot;
    this.#scheduler.update(snapshot, now());
    this.#ticker.instances = snapshot.members.length;
    this.#upstream.retain(this.#departures.update(snapshot, now()));
  }

  /** One new reference: a request keeps the one that it began with. */
  #configure({ proxy, scheduler, log }: LiveOptions): void {
    this.#scheduler.configure(scheduler);
    this.#upstream.configure(clientOptions(proxy));
    this.#recorder.configure(log);
    const prompts = this.#prompts.reader(scheduler);
    this.#proxy = { ...this.#proxy, prompts, retryBudget: newRetryBudget(proxy), limits: limitsOf(proxy) };
  }

  async #drain(noticeMs: number): Promise<void> {
    if (this.#draining) return;
    this.#draining = true;
    await Bun.sleep(noticeMs);
    await this.#front?.stop();
    while (this.#clients.size > 0 || this.#front?.isSending === true) await Bun.sleep(20);
    this.#ticker.flush();
    this.#link.send({ kind: "drained" });
  }
}

function clientOptions(proxy: ProxyOptions): UpstreamClientOptions {
  return {
    connectTimeoutMs: proxy["connect-timeout-secs"] * 1000,
    firstByteTimeoutMs: proxy["first-byte-timeout-secs"] * 1000,
    idleTimeoutMs: proxy["idle-timeout-secs"] * 1000,
    totalTimeoutMs: proxy["request-timeout-secs"] * 1000,
    maxIdleConnections: proxy["upstream-idle-connections"],
    keepAliveMs: proxy["upstream-keepalive-secs"] * 1000,
  };
}

function limitsOf(proxy: ProxyOptions): ProxyLimits {
  return {
    maxBodyBytes: proxy["max-body-bytes"],
    retries: proxy.retries,
    writeTimeoutMs: proxy["idle-timeout-secs"] * 1000,
  };
}

function newRetryBudget(proxy: ProxyOptions): RetryBudget {
  const share = proxy["retry-budget-percent"] / 100;
  return new RetryBudget({ share, perSecond: proxy["retry-budget-per-sec"] }, now());
}
