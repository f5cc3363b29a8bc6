/**
 * Gathers what engines say of themselves on `/metrics`, in the background and for all policies that read it: a choice never waits for
 * an engine (docs/differences.md, B6). service.ts says whom to ask, and puts what comes into the snapshots.
 */
import type { Instance, InstanceId } from "../fleet/instance.ts";
import { sumSamples } from "../lib/prometheus-text.ts";
import type { Timers } from "../registration/router-link.ts";
import type { EngineFigures, EngineReport } from "./commands.ts";
import { fetchProblem } from "./health.ts";
import type { RegistryLog } from "./log.ts";
import { type Entry, isListed } from "./entry.ts";

export interface ScrapeTarget {
  readonly instance: Instance;
  readonly epoch: number;
}

export type Scraped =
  { readonly ok: true; readonly figures: EngineFigures } | { readonly ok: false; readonly problem: string };

/** A GET of the page. Never rejects. */
export type Scrape = (url: string, timeoutMs: number) => Promise<Scraped>;

export interface ScraperDeps {
  readonly scrape: Scrape;
  readonly timeoutMs: () => number;
  readonly timers: Timers;
  readonly log: RegistryLog;
  readonly report: (reports: readonly EngineReport[]) => void;
}

/** With the probes far below the 256 requests that fetch runs at once in one process. */
const MAX_CONCURRENT = 32;
/** What comes within this time is reported together: each report copies the table of instances. */
const GATHER_MS = 20;

export class MetricsScraper {
  readonly #deps: ScraperDeps;
  #queued: ScrapeTarget[] = [];
  /** Queued or being asked: a slow engine is asked once, not once a round. */
  readonly #busy = new Set<InstanceId>();
  #running = 0;
  readonly #failing = new Set<InstanceId>();
  #reports: EngineReport[] = [];
  #stopped = false;

  constructor(deps: ScraperDeps) {
    this.#deps = deps;
  }

  ask(targets: readonly ScrapeTarget[]): void {
    for (const target of targets) {
      if (this.#busy.has(target.instance.id)) continue;
      this.#busy.add(target.instance.id);
      this.#queued.push(target);
    }
    this.#startNext();
  }

  /** Forgets the failures of all others: an instance that returns is reported on anew. */
  retain(ids: { has(id: InstanceId): boolean }): void {
    for (const id of this.#failing) if (!ids.has(id)) this.#failing.delete(id);
  }

  stop(): void {
    this.#stopped = true;
    this.#queued = [];
  }

  #startNext(): void {
    while (this.#running < MAX_CONCURRENT) {
      const target = this.#queued.shift();
      if (target === undefined) return;
      this.#running++;
      void this.#run(target);
    }
  }

  async #run({ instance, epoch }: ScrapeTarget): Promise<void> {
    const scraped = await this.#deps.scrape(metricsUrl(instance), this.#deps.timeoutMs());
    this.#running--;
    this.#busy.delete(instance.id);
    if (this.#stopped) return;
    this.#noteState(instance.id, scraped.ok ? null : scraped.problem);
    if (scraped.ok) this.#gather({ id: instance.id, epoch, figures: scraped.figures });
    this.#startNext();
  }

  /** A line when it fails first, and one when it answers again: an engine without metrics must not fill the log. */
  #noteState(id: InstanceId, problem: string | null): void {
    const { log } = this.#deps;
    if (problem === null) {
      if (this.#failing.delete(id)) log.info(`GetRemoteMetrics works again for ${id}`);
    } else if (!this.#failing.has(id)) {
      this.#failing.add(id);
      log.warn(`GetRemoteMetrics failed for ${id}, falling back to local counter: ${problem}`);
    }
  }

  #gather(report: EngineReport): void {
    this.#reports.push(report);
    if (this.#reports.length > 1) return;
    this.#deps.timers.after(GATHER_MS, () => {
      const reports = this.#reports;
      this.#reports = [];
      if (!this.#stopped) this.#deps.report(reports);
    });
  }
}

/** A report of an instance's own is as good as one that was asked for, until it is this old. */
const OWN_REPORT_MS = 10_000;

export function scrapeTargets(entries: Iterable<Entry>, now: number): Entry[] {
  return [...entries].filter(
    (entry) =>
      isListed(entry) && (entry.report === null || entry.report.scraped || now - entry.report.at > OWN_REPORT_MS),
  );
}

function metricsUrl({ scheme, host, metricsPort }: Instance): string {
  return `${scheme}://${host.includes(":") ? `[${host}]` : host}:${metricsPort}/metrics`;
}

/** Of a page. Both counts must be there: a missing one must not read as idle. */
export function readFigures(text: string): Scraped {
  if (text.trim() === "") return { ok: false, problem: "metrics response is empty" };
  const sums = sumSamples(text);
  const running = sums.get("fastdeploy:num_requests_running") ?? -1;
  const waiting = sums.get("fastdeploy:num_requests_waiting") ?? -1;
  if (running < 0 || waiting < 0) return { ok: false, problem: "failed to parse metrics response" };
  const kvUsage = Math.min(Math.max(sums.get("fastdeploy:gpu_cache_usage_perc") ?? 0, 0), 1);
  // Engines write whole numbers as `7.0`; what else comes is cut, as in the Go router.
  return { ok: true, figures: { running: Math.trunc(running), waiting: Math.trunc(waiting), kvUsage } };
}

const MAX_PAGE_BYTES = 4 * 1024 * 1024;

/** The real one, with the same precautions as a probe (health.ts). */
export async function scrapeOverHttp(url: string, timeoutMs: number): Promise<Scraped> {
  try {
    const response = await fetch(url, {
      redirect: "manual",
      keepalive: false,
      proxy: false,
      headers: { connection: "close" },
      signal: AbortSignal.timeout(timeoutMs),
    });
    const text = await readText(response);
    return response.status === 200
      ? readFigures(text)
      : { ok: false, problem: `metrics response status ${response.status}` };
  } catch (error) {
    return { ok: false, problem: `Get "${url}": ${fetchProblem(error)}` };
  }
}

async function readText(response: Response): Promise<string> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > MAX_PAGE_BYTES) throw new Error(`longer than ${MAX_PAGE_BYTES} bytes`);
    parts.push(chunk);
  }
  return Buffer.concat(parts).toString("utf8");
}
