/**
 * Registers, reports and drains servers that something else started: a server that answers its probe is registered, one that does not for a
 * while is taken away. Probes, the router and the clock are handed in; run-agent.ts calls `tick`.
 */
import type { RegistrationFields } from "../registration/messages.ts";
import type { EngineLoad, Target } from "./health.ts";
import type { Registrar } from "./registrar.ts";

export interface AgentServer extends Target {
  readonly name: string;
  readonly registration: Omit<RegistrationFields, "boot_id">;
}

export interface AgentDeps {
  /** Monotonic, in ms. */
  readonly now: () => number;
  readonly probe: (server: AgentServer) => Promise<boolean>;
  readonly scrape: (server: AgentServer) => Promise<EngineLoad | null>;
  readonly registrar: Registrar;
  readonly note: (level: "info" | "warn", text: string) => void;
  /** Tells this agent's registrations from those of an earlier one. */
  readonly agentId: string;
  readonly probeMs: number;
  readonly scrapeMs: number;
  readonly downLimitMs: number;
}

/** One bad probe after a long time may only mean that the agent itself was held up. */
const DOWN_MISSES = 2;

interface Watched {
  readonly server: AgentServer;
  /** Last good probe while it is registered; null while it is not. */
  goodAt: number | null;
  /** Bad probes since then. */
  misses: number;
  /** How often it came up. */
  ups: number;
  probing: boolean;
  probeAt: number;
  scraping: boolean;
  scrapeAt: number;
}

export class Agent {
  readonly #deps: AgentDeps;
  readonly #watched: readonly Watched[];
  #draining = false;

  constructor(servers: readonly AgentServer[], deps: AgentDeps) {
    this.#deps = deps;
    const start = deps.now();
    this.#watched = servers.map((server) => ({
      server,
      goodAt: null,
      misses: 0,
      ups: 0,
      probing: false,
      probeAt: start,
      scraping: false,
      scrapeAt: start,
    }));
  }

  tick(): void {
    const now = this.#deps.now();
    for (const watched of this.#watched) {
      if (!watched.probing && now >= watched.probeAt) void this.#probe(watched);
      if (watched.goodAt !== null && !watched.scraping && now >= watched.scrapeAt) void this.#scrape(watched);
    }
  }

  /** No new requests to any server; resolves when those under way are done, or at the deadline. */
  async drain(deadlineMs: number): Promise<void> {
    this.#draining = true;
    this.#deps.note("info", "draining");
    const names = this.#watched.filter(({ goodAt }) => goodAt !== null).map(({ server }) => server.name);
    await this.#deps.registrar.drain(names, deadlineMs);
  }

  async #probe(watched: Watched): Promise<void> {
    const { server } = watched;
    const { note, probe, now, probeMs, downLimitMs, registrar, agentId } = this.#deps;
    watched.probing = true;
    const well = await probe(server);
    watched.probing = false;
    watched.probeAt = now() + probeMs;
    if (well && watched.goodAt === null && !this.#draining) {
      watched.ups++;
      note("info", `${server.name}: healthy`);
      registrar.register(server.name, { ...server.registration, boot_id: `${agentId}/${watched.ups}` });
    }
    if (well && (watched.goodAt !== null || !this.#draining)) watched.goodAt = now();
    watched.misses = well ? 0 : watched.misses + 1;
    const down = watched.misses >= DOWN_MISSES && watched.goodAt !== null && now() - watched.goodAt >= downLimitMs;
    if (down) {
      note("warn", `${server.name}: no good probe for ${downLimitMs / 1000} s; taken away from the router`);
      watched.goodAt = null;
      registrar.leave(server.name);
    }
  }

  async #scrape(watched: Watched): Promise<void> {
    watched.scraping = true;
    const load = await this.#deps.scrape(watched.server);
    watched.scraping = false;
    watched.scrapeAt = this.#deps.now() + this.#deps.scrapeMs;
    if (load !== null && watched.goodAt !== null) this.#deps.registrar.report(watched.server.name, load);
  }
}
