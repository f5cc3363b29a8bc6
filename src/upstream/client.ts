/**
 * The pooled HTTP/1.1 client behind the router: one per worker thread. proxy/forward.ts sends through it, the demo's load generator too.
 * Why not `fetch`: one HTTP thread and 256 requests a process, 64 idle connections, the answer's head held back (docs/performance.md).
 */
import { LiveSet } from "../lib/live-set.ts";
import { connect } from "./connection.ts";
import { ConnectionPool } from "./connection-pool.ts";
import { Exchange, type AnswerListener, type Clocks, type ExchangeHost, type UpstreamRequest } from "./exchange.ts";
import type { Origin } from "./origin.ts";

export interface UpstreamClientOptions extends Clocks {
  /** Idle connections kept per instance. */
  readonly maxIdleConnections: number;
  /** An idle connection older than this is closed, 0 keeps none; stay below the engine's own limit (5 s with uvicorn). */
  readonly keepAliveMs: number;
}

/** How often clocks and idle connections are looked at: their resolution. */
const SWEEP_MS = 250;
/** A look that comes later than this is not used. */
const MAX_PAUSE_MS = 500;

export class UpstreamClient implements ExchangeHost {
  #options: UpstreamClientOptions;
  readonly #now: () => number;
  readonly #pools = new Map<string, ConnectionPool>();
  readonly #exchanges = new LiveSet<Exchange>();
  readonly #sweeper: Timer;
  #sweptAt: number;
  #opened = 0;

  /** `now` in milliseconds on a monotonic clock. */
  constructor(options: UpstreamClientOptions, now: () => number = () => performance.now()) {
    this.#options = options;
    this.#now = now;
    this.#sweptAt = now();
    this.#sweeper = setInterval(() => this.#sweepInTime(), SWEEP_MS);
    this.#sweeper.unref();
  }

  /** Of exchanges that begin now. */
  get clocks(): Clocks {
    return this.#options;
  }

  /** Idle connections are kept: to a fleet that did not change nothing has to be opened anew. */
  configure(options: UpstreamClientOptions): void {
    this.#options = options;
    for (const pool of this.#pools.values()) pool.maxIdle = maxIdleOf(options);
  }

  send(request: UpstreamRequest, listener: AnswerListener): Exchange {
    const exchange = new Exchange(this, request, listener);
    exchange.slot = this.#exchanges.add(exchange);
    exchange.start();
    return exchange;
  }

  /** Whether somebody listens there: tells a dead instance from one that refused a request. Never rejects. */
  async isListening(origin: Origin): Promise<boolean> {
    const dial = connect(origin).then(
      (connection) => {
        this.pool(origin).put(connection, this.#now());
        return true;
      },
      () => false,
    );
    return Promise.race([dial, Bun.sleep(this.clocks.connectTimeoutMs).then(() => false)]);
  }

  get openExchanges(): number {
    return this.#exchanges.size;
  }

  /** Connections opened so far. */
  get connectionsOpened(): number {
    return this.#opened;
  }

  /** Drops the pools of all other instances: called when the fleet changes. */
  retain(urls: ReadonlySet<string>): void {
    for (const [url, pool] of this.#pools) {
      if (urls.has(url)) continue;
      pool.closeAll();
      this.#pools.delete(url);
    }
  }

  close(): void {
    clearInterval(this.#sweeper);
    for (const { member } of this.#exchanges) member.abort();
    this.retain(new Set());
  }

  /**
   * After a pause of the whole thread its timers come before what arrived meanwhile: judged now, instances would be blamed for the pause.
   * The next look, which finds all of it read, is in time again.
   */
  #sweepInTime(): void {
    const pausedMs = this.#now() - this.#sweptAt - SWEEP_MS;
    this.#sweptAt = this.#now();
    if (pausedMs < MAX_PAUSE_MS) this.sweep();
  }

  sweep(): void {
    const now = this.#now();
    for (const { member } of this.#exchanges) member.checkClocks(now);
    for (const pool of this.#pools.values()) pool.closeOlderThan(now - this.#options.keepAliveMs);
  }

  now(): number {
    return this.#now();
  }

  pool(origin: Origin): ConnectionPool {
    const known = this.#pools.get(origin.url);
    if (known !== undefined) return known;
    const pool = new ConnectionPool(maxIdleOf(this.#options));
    this.#pools.set(origin.url, pool);
    return pool;
  }

  ended(exchange: Exchange): void {
    if (exchange.slot !== null) this.#exchanges.delete(exchange.slot);
  }

  connected(): void {
    this.#opened++;
  }
}

/** Without a keep-alive time none is kept at all, not even until the next sweep. */
function maxIdleOf({ keepAliveMs, maxIdleConnections }: UpstreamClientOptions): number {
  return keepAliveMs === 0 ? 0 : maxIdleConnections;
}
