/** The idle connections of one instance, last used first, so that the rest ages out. Used by client.ts only. */
import type { Connection } from "./connection.ts";

export class ConnectionPool {
  readonly #idle: Connection[] = [];
  /** A connection that comes back when there are so many is closed. */
  maxIdle: number;

  constructor(maxIdle: number) {
    this.maxIdle = maxIdle;
  }

  get idleCount(): number {
    return this.#idle.length;
  }

  take(): Connection | null {
    const connection = this.#idle.pop();
    if (connection === undefined) return null;
    connection.onIdleClose = null;
    return connection;
  }

  /** Takes back a connection whose exchange ended cleanly; closes it when the pool is full. */
  put(connection: Connection, now: number): void {
    if (!connection.open) return;
    connection.release();
    if (this.#idle.length >= this.maxIdle) {
      connection.destroy();
      return;
    }
    connection.idleSince = now;
    connection.reused = true;
    connection.onIdleClose = this.#forget;
    this.#idle.push(connection);
  }

  /** Closes what has been idle since before `limit`. The oldest lie at the bottom. */
  closeOlderThan(limit: number): void {
    let count = 0;
    while (count < this.#idle.length && (this.#idle[count]?.idleSince ?? Infinity) < limit) count++;
    for (const connection of this.#idle.splice(0, count)) connection.destroy();
  }

  closeAll(): void {
    this.closeOlderThan(Infinity);
  }

  readonly #forget = (connection: Connection): void => {
    const at = this.#idle.indexOf(connection);
    if (at >= 0) this.#idle.splice(at, 1);
  };
}
