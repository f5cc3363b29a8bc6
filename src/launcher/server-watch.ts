/** One server as the supervisor sees it: its present process, the answers to its probes, its load. Probes and scrapes on the supervisor's ticks. */
import type { ServerPlan } from "./fleet-plan.ts";
import type { EngineLoad } from "./health.ts";
import type { ServerProcess } from "./process.ts";
import type { SupervisorDeps } from "./supervisor-contract.ts";
import type { UnitState } from "./unit.ts";

/** While it loads, the port is closed and a probe costs nothing. */
const STARTING_PROBE_MS = 500;

export class ServerWatch {
  readonly plan: ServerPlan;
  readonly #deps: SupervisorDeps;
  #process: ServerProcess | null = null;
  #startedAt = 0;
  #healthy = false;
  #probing = false;
  #probeAt = 0;
  #scraping = false;
  #scrapeAt = 0;
  #load: { readonly figures: EngineLoad; readonly at: number } | null = null;
  #tokensPerSec: number | null = null;

  constructor(plan: ServerPlan, deps: SupervisorDeps) {
    this.plan = plan;
    this.#deps = deps;
  }

  get process(): ServerProcess | null {
    return this.#process;
  }

  get healthy(): boolean {
    return this.#healthy;
  }

  get load(): EngineLoad | null {
    return this.#load?.figures ?? null;
  }

  get tokensPerSec(): number | null {
    return this.#tokensPerSec;
  }

  get upMs(): number {
    return this.#process === null ? 0 : this.#deps.now() - this.#startedAt;
  }

  begin(process: ServerProcess): void {
    const now = this.#deps.now();
    this.#process = process;
    this.#startedAt = this.#probeAt = this.#scrapeAt = now;
    this.#forget();
  }

  end(): void {
    this.#process = null;
    this.#forget();
  }

  #forget(): void {
    this.#healthy = false;
    this.#load = null;
    this.#tokensPerSec = null;
  }

  /** Asks what is due. `onProbe` is told of every probe of the process that was asked. */
  look(phase: UnitState["phase"], onProbe: (well: boolean) => void): void {
    if (this.#process === null) return;
    if (phase === "starting" || phase === "running") this.#probe(phase, this.#process, onProbe);
    if (phase === "running" && this.plan.registration !== null) this.#scrape(this.#process);
  }

  #probe(phase: "starting" | "running", process: ServerProcess, onProbe: (well: boolean) => void): void {
    const { now, probe, timing } = this.#deps;
    if (this.#probing || now() < this.#probeAt) return;
    this.#probing = true;
    void probe(this.plan).then((well) => {
      this.#probing = false;
      this.#probeAt = now() + (phase === "starting" ? Math.min(timing.probeMs, STARTING_PROBE_MS) : timing.probeMs);
      if (this.#process !== process) return;
      this.#tellProbe(well);
      this.#healthy = well;
      onProbe(well);
    });
  }

  #tellProbe(well: boolean): void {
    const { note } = this.#deps;
    const { name } = this.plan;
    if (well && !this.#healthy) note("info", `${name}: healthy, ${(this.upMs / 1000).toFixed(1)} s after its start`);
    if (!well && this.#healthy) note("warn", `${name}: health probe failed`);
  }

  #scrape(process: ServerProcess): void {
    const { now, scrape, timing, router } = this.#deps;
    if (this.#scraping || now() < this.#scrapeAt) return;
    this.#scraping = true;
    void scrape(this.plan).then((figures) => {
      const at = now();
      this.#scraping = false;
      this.#scrapeAt = at + timing.scrapeMs;
      if (this.#process !== process) return;
      if (figures !== null) router?.report(this.plan, figures);
      this.#tokensPerSec = figures === null ? null : this.#rate(figures.generatedTokens, at);
      this.#load = figures === null ? null : { figures, at };
    });
  }

  /** Since the figures before; null for the first, or when the server's counter began anew. */
  #rate(generatedTokens: number, at: number): number | null {
    const before = this.#load;
    if (before === null || at <= before.at || generatedTokens < before.figures.generatedTokens) return null;
    return ((generatedTokens - before.figures.generatedTokens) * 1000) / (at - before.at);
  }
}
