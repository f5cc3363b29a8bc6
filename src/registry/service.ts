/**
 * The registry as the rest of the router sees it: owns the state, both doors, the watch over instances and the clocks, and carries out
 * what `apply` decides. Created by commands/serve.ts on the main thread.
 */
import { networkInterfaces } from "node:os";
import type { ControlReply, ControlRequest } from "../fleet/control.ts";
import type { InstanceId } from "../fleet/instance.ts";
import type { FleetReports, FleetSnapshot } from "../fleet/snapshot.ts";
import { REAL_TIMERS, type Timers } from "../registration/router-link.ts";
import { admit, type Admission, type AdmissionRules, type Draft, draftOfFields } from "./admission.ts";
import type { RegistryCommand } from "./commands.ts";
import { type Probe, probeOverHttp } from "./health.ts";
import { resolveByDns, resolveHost, type ResolveName } from "./host-names.ts";
import { HttpDoor } from "./http.ts";
import { InstanceWatch } from "./instance-watch.ts";
import type { RegistryLog } from "./log.ts";
import { type Scrape, scrapeOverHttp } from "./metrics-scraper.ts";
import type { RegistryOptions } from "./options.ts";
import { Publisher } from "./publisher.ts";
import { openRegistrationPort } from "./registration-port.ts";
import { apply } from "./registry.ts";
import { type RegistrySettings, settingsOf } from "./settings.ts";
import { type Answer, type Effect, emptyState, reportsOf, snapshotOf } from "./state.ts";
import { StaticFleet } from "./static-fleet.ts";
import type { TcpDoor } from "./tcp.ts";

/** What the registry must know of the router around it. */
export interface RegistrySurroundings {
  /** Prefill/decode mode. */
  readonly splitwise: boolean;
  /** Port that clients use; decides the automatic registration port, and nobody may register it. */
  readonly routerPort: number;
  readonly log: RegistryLog;
  /** A policy goes by what engines report. */
  readonly reportsWanted?: boolean;
  /** For tests: monotonic milliseconds, timers, the probe, the page of metrics, the look-up of names. */
  readonly now?: () => number;
  readonly timers?: Timers;
  readonly probe?: Probe;
  readonly scrape?: Scrape;
  readonly resolve?: ResolveName;
}

export interface RegistryService {
  /** Resolves when register.yaml has been tried and the registration port is open. Rejects when that port was asked for and is busy. */
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Options that are looked at anew for each probe, rule and admission; those that a restart wants are left alone. */
  configure(options: RegistryOptions, reportsWanted: boolean): void;
  /** What is wrong with register.yaml, each with its place; empty when `reload` would take all of it. */
  checkRegisterFile(): Promise<readonly string[]>;
  /** Reads register.yaml again. */
  reload(): Promise<void>;
  handle(request: ControlRequest): Promise<ControlReply>;
  snapshot(): FleetSnapshot;
  /** Returns how to stop listening. */
  onSnapshot(listener: (snapshot: FleetSnapshot) => void): () => void;
  /** Figures that came in since the last snapshot; the next snapshot has them too. Returns how to stop listening. */
  onReports(listener: (reports: FleetReports) => void): () => void;
  /** A worker saw a request fail on the instance: it is probed at once. */
  observe(id: InstanceId): void;
  /** Requests under way on each instance, summed over all workers; call it a few times a second. Missing means none. */
  inFlight(counts: ReadonlyMap<InstanceId, number>): void;
  /** Takes an instance out of service, or back; false when it is not known. */
  setDrained(id: InstanceId, drained: boolean): boolean;
  /** Null while the registration port is closed. */
  readonly registrationAddress: { readonly host: string; readonly port: number } | null;
}

const TICK_MS = 250;
/** How often it is looked whether a reload has switched scraping on. */
const IDLE_SCRAPE_MS = 1000;

export function createRegistry(options: RegistryOptions, surroundings: RegistrySurroundings): RegistryService {
  return new Service(options, surroundings);
}

class Service implements RegistryService {
  readonly #options: RegistryOptions;
  #settings: RegistrySettings;
  readonly #surroundings: RegistrySurroundings;
  readonly #log: RegistryLog;
  readonly #now: () => number;
  readonly #timers: Timers;
  readonly #watch: InstanceWatch;
  readonly #publisher: Publisher;
  readonly #http: HttpDoor;
  readonly #static: StaticFleet;
  readonly #waiting = new Map<InstanceId, ((joined: boolean) => void)[]>();
  readonly #stopClocks = new Set<() => void>();
  readonly #ownAddresses: ReadonlySet<string>;
  #state;
  #tcp: TcpDoor | null = null;

  constructor(options: RegistryOptions, surroundings: RegistrySurroundings) {
    this.#options = options;
    this.#surroundings = surroundings;
    this.#log = surroundings.log;
    this.#now = surroundings.now ?? (() => performance.now());
    this.#timers = surroundings.timers ?? REAL_TIMERS;
    this.#settings = settingsOf(options, surroundings.reportsWanted ?? false);
    this.#state = emptyState(this.#settings.rules);
    const interfaces = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
    this.#ownAddresses = new Set(interfaces.map((item) => item.address));
    this.#watch = new InstanceWatch({
      apply: (command) => this.#apply(command),
      entries: () => this.#state.entries,
      settings: () => this.#settings,
      probe: surroundings.probe ?? probeOverHttp,
      scrape: surroundings.scrape ?? scrapeOverHttp,
      now: this.#now,
      timers: this.#timers,
      log: this.#log,
    });
    this.#publisher = new Publisher({
      snapshot: () => this.snapshot(),
      reports: (ids) => reportsOf(this.#state, ids, this.#now()),
      now: this.#now,
      timers: this.#timers,
    });
    const doorDeps = {
      apply: (command: RegistryCommand) => this.#apply(command),
      joined: (id: InstanceId) => this.#joined(id),
      entries: () => this.#state.entries.values(),
      log: this.#log,
    };
    this.#http = new HttpDoor({
      ...doorDeps,
      admit: (draft, peer) => this.#admit(draft, peer),
      isHealthy: (id) => this.#watch.isHealthy(id),
    });
    this.#static = new StaticFleet(options["register-path"], options["saved-table-path"], {
      ...doorDeps,
      timers: this.#timers,
      admit: (draft) => this.#admit(draft, null),
    });
  }

  async start(): Promise<void> {
    await this.#static.restore();
    await this.#static.load();
    this.#tcp = await openRegistrationPort(this.#options, this.#settings, this.#surroundings.routerPort, {
      apply: (command) => this.#apply(command),
      admit: (fields, peer) => admit(draftOfFields(fields), peer, this.#admissionRules()),
      log: this.#log,
      now: this.#now,
    });
    this.#every(
      () => TICK_MS,
      () => {
        this.#apply({ kind: "tick" });
        this.#tcp?.tick();
      },
    );
    this.#every(
      () => this.#settings.probeIntervalMs,
      () => this.#watch.probeAll(),
    );
    this.#every(
      () => this.#settings.scrapeIntervalMs ?? IDLE_SCRAPE_MS,
      () => this.#watch.scrapeAll(),
    );
  }

  async stop(): Promise<void> {
    for (const stopClock of this.#stopClocks) stopClock();
    this.#watch.stop();
    this.#tcp?.stop();
    this.#tcp = null;
    this.#publisher.stop();
    for (const id of this.#waiting.keys()) this.#settle(id, false);
    await this.#static.stop();
  }

  configure(options: RegistryOptions, reportsWanted: boolean): void {
    this.#settings = settingsOf(options, reportsWanted);
    this.#state = { ...this.#state, rules: this.#settings.rules };
    this.#watch.configure();
  }

  checkRegisterFile(): Promise<readonly string[]> {
    return this.#static.check();
  }

  reload(): Promise<void> {
    return this.#static.load();
  }

  handle(request: ControlRequest): Promise<ControlReply> {
    return this.#http.handle(request);
  }

  snapshot(): FleetSnapshot {
    return snapshotOf(this.#state, this.#now());
  }

  onSnapshot(listener: (snapshot: FleetSnapshot) => void): () => void {
    return this.#publisher.onSnapshot(listener);
  }

  onReports(listener: (reports: FleetReports) => void): () => void {
    return this.#publisher.onReports(listener);
  }

  observe(id: InstanceId): void {
    this.#watch.observe(id);
  }

  inFlight(counts: ReadonlyMap<InstanceId, number>): void {
    this.#tcp?.inFlight(counts);
  }

  setDrained(id: InstanceId, drained: boolean): boolean {
    return this.#apply({ kind: drained ? "drain" : "resume", id }).ok;
  }

  get registrationAddress(): { readonly host: string; readonly port: number } | null {
    return this.#tcp?.address ?? null;
  }

  #apply(command: RegistryCommand): Answer {
    const applied = apply(this.#state, command, this.#now());
    this.#state = applied.state;
    for (const effect of applied.effects) this.#perform(effect);
    return applied.answer;
  }

  #perform(effect: Effect): void {
    switch (effect.kind) {
      case "publish":
        this.#publisher.changed();
        this.#static.changed();
        this.#watch.fleetChanged();
        return;
      case "reported":
        this.#publisher.reported(effect.ids);
        return;
      case "probe":
        this.#watch.probe(effect.id, effect.again);
        return;
      case "revoke":
        this.#tcp?.revoke(effect.connection, effect.lease, effect.reason);
        return;
      case "settled":
        this.#settle(effect.id, effect.joined);
        return;
      case "log":
        this.#log[effect.level](effect.message);
    }
  }

  /** Whoever is told that an instance joined may send a request for it at once: by then the worker threads know of it. */
  async #joined(id: InstanceId): Promise<boolean> {
    const joined = await new Promise<boolean>((resolve) => {
      this.#waiting.set(id, [...(this.#waiting.get(id) ?? []), resolve]);
    });
    await this.#publisher.published();
    return joined;
  }

  #settle(id: InstanceId, joined: boolean): void {
    const waiting = this.#waiting.get(id) ?? [];
    this.#waiting.delete(id);
    for (const resolve of waiting) resolve(joined);
  }

  async #admit(draft: Draft, peer: string | null): Promise<Admission> {
    const resolve = this.#surroundings.resolve ?? resolveByDns;
    const named = this.#options["allow-host-names"] ? await resolveHost(draft, resolve) : draft;
    return admit(named, peer, this.#admissionRules());
  }

  #admissionRules(): AdmissionRules {
    const ports = new Set([this.#surroundings.routerPort, this.#tcp?.address.port ?? 0]);
    const { splitwise } = this.#surroundings;
    return { splitwise, addresses: { ...this.#settings.addresses, own: { addresses: this.#ownAddresses, ports } } };
  }

  #every(periodMs: () => number, action: () => void): void {
    const stopClock = this.#timers.after(periodMs(), () => {
      this.#stopClocks.delete(stopClock);
      this.#every(periodMs, action);
      action();
    });
    this.#stopClocks.add(stopClock);
  }
}
