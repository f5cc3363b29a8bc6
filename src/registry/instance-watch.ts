/**
 * What the registry asks of instances: their health, and the figures on their `/metrics` where a policy reads them. Whom to ask and what
 * an answer means is here, how to ask in health.ts and metrics-scraper.ts; answers become commands. Used by service.ts.
 */
import type { InstanceId } from "../fleet/instance.ts";
import type { Timers } from "../registration/router-link.ts";
import type { RegistryCommand } from "./commands.ts";
import type { EntryTable } from "./entry-table.ts";
import { type Probe, Prober } from "./health.ts";
import type { RegistryLog } from "./log.ts";
import { MetricsScraper, type Scrape, scrapeTargets } from "./metrics-scraper.ts";
import { RateLimit } from "./rate-limit.ts";
import type { RegistrySettings } from "./settings.ts";
import { isListed } from "./entry.ts";

export interface InstanceWatchDeps {
  readonly apply: (command: RegistryCommand) => unknown;
  readonly entries: () => EntryTable;
  readonly settings: () => RegistrySettings;
  readonly probe: Probe;
  readonly scrape: Scrape;
  readonly now: () => number;
  readonly timers: Timers;
  readonly log: RegistryLog;
}

const ASLEEP_MS = 2000;
/** Looks at one instance for the sake of failed requests, of which there may be thousands. */
const OBSERVE_RATE = { burst: 1, perSecond: 2 };

export class InstanceWatch {
  readonly #deps: InstanceWatchDeps;
  readonly #prober: Prober;
  readonly #scraper: MetricsScraper;
  readonly #observed = new RateLimit(OBSERVE_RATE);

  constructor(deps: InstanceWatchDeps) {
    this.#deps = deps;
    const { probePath, probeTimeoutMs } = deps.settings();
    this.#prober = new Prober(deps.probe, probePath, probeTimeoutMs);
    this.#scraper = new MetricsScraper({
      scrape: deps.scrape,
      timeoutMs: () => deps.settings().scrapeTimeoutMs,
      timers: deps.timers,
      log: deps.log,
      report: (reports) => deps.apply({ kind: "report", reports }),
    });
  }

  /** The settings have changed. */
  configure(): void {
    const { probePath, probeTimeoutMs } = this.#deps.settings();
    this.#prober.configure(probePath, probeTimeoutMs);
  }

  stop(): void {
    this.#prober.stop();
    this.#scraper.stop();
  }

  probeAll(): void {
    for (const { instance } of this.#deps.entries().values()) this.probe(instance.id, false);
  }

  /** `again`: a probe that is under way is followed by another one. */
  probe(id: InstanceId, again: boolean): void {
    const entry = this.#deps.entries().get(id);
    if (entry === undefined) return;
    const lane = isListed(entry) ? "in-service" : "waiting";
    this.#prober.request({ id, lane, begin: () => this.#begin(id) }, again);
  }

  /** One probe whose result changes nothing. */
  async isHealthy(id: InstanceId): Promise<boolean> {
    const problem = await this.#prober.ask(id);
    if (problem !== null && problem !== "") this.#deps.log.error(problem);
    return problem === null;
  }

  /** A request failed on the instance. */
  observe(id: InstanceId): void {
    if (this.#observed.take(id, this.#deps.now())) this.#deps.apply({ kind: "observed", id });
  }

  scrapeAll(): void {
    this.#scrape("all");
  }

  fleetChanged(): void {
    this.#scraper.retain(this.#deps.entries());
    // A new instance is asked at once, lest it pass for idle until the next round.
    this.#scrape("new");
  }

  #scrape(which: "new" | "all"): void {
    if (this.#deps.settings().scrapeIntervalMs === null) return;
    const targets = scrapeTargets(this.#deps.entries().values(), this.#deps.now());
    this.#scraper.ask(which === "all" ? targets : targets.filter(({ report }) => report === null));
  }

  #begin(id: InstanceId): (problem: string | null) => void {
    const { now, log, apply, settings } = this.#deps;
    const startedAt = now();
    const entry = this.#deps.entries().get(id);
    const generation = entry?.generation ?? 0;
    // An evicted address fails every few seconds: not worth a line each time.
    const level = entry?.health === "gone" ? "debug" : "error";
    return (problem) => {
      // Far over its limit: not the instance was slow but this process was asleep, and the answer may wait unread.
      if (problem !== null && now() - startedAt > settings().probeTimeoutMs + ASLEEP_MS) {
        this.probe(id, true);
        return;
      }
      if (problem !== null && problem !== "") log[level](problem);
      apply({ kind: "probed", id, generation, startedAt, healthy: problem === null });
    };
  }
}
