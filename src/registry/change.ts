/** One command's work in progress on a state: the state itself stays as it is. Used by registry.ts only. */
import type { RevokeReason } from "../registration/messages.ts";
import type { EntryTable } from "./entry-table.ts";
import type { Answer, Applied, Effect, Entry, Lease, RegistryState } from "./state.ts";

export class Change {
  readonly now: number;
  readonly #before: RegistryState;
  readonly #effects: Effect[] = [];
  #entries: EntryTable;
  #published: "no" | "later" | "now" = "no";
  #lastNumber: number;
  #ticked = false;

  constructor(state: RegistryState, now: number) {
    this.#before = state;
    this.#entries = state.entries;
    this.#lastNumber = state.lastNumber;
    this.now = now;
  }

  get rules(): RegistryState["rules"] {
    return this.#before.rules;
  }

  /** Notes a tick; returns the time since the last one, 0 for the first. */
  tick(): number {
    this.#ticked = true;
    return this.now - (this.#before.tickedAt ?? this.now);
  }

  /** As they are by now: what is put later is not in a table that was taken before. */
  get entries(): EntryTable {
    return this.#entries;
  }

  nextNumber(): number {
    return ++this.#lastNumber;
  }

  put(entry: Entry): Entry {
    this.#entries = this.#entries.put(entry);
    return entry;
  }

  drop(entry: Entry): void {
    this.#entries = this.#entries.without(entry.instance.id);
  }

  publish(): void {
    this.#published = "now";
  }

  publishLater(): void {
    if (this.#published === "no") this.#published = "later";
  }

  probe(entry: Entry, again = true): void {
    this.#effects.push({ kind: "probe", id: entry.instance.id, again });
  }

  settle(entry: Entry, joined: boolean): void {
    this.#effects.push({ kind: "settled", id: entry.instance.id, joined });
  }

  /** Nobody is told when the connection is closed already. */
  revoke(lease: Lease | null, reason: RevokeReason): void {
    if (lease === null || lease.connection === null) return;
    this.#effects.push({ kind: "revoke", connection: lease.connection, lease: lease.number, reason });
  }

  log(level: "debug" | "info" | "warn" | "error", message: string): void {
    this.#effects.push({ kind: "log", level, message });
  }

  finish(answer: Answer): Applied {
    const publishes = this.#published !== "no";
    const state: RegistryState = {
      ...this.#before,
      entries: this.#entries,
      lastNumber: this.#lastNumber,
      tickedAt: this.#ticked ? this.now : this.#before.tickedAt,
      version: this.#before.version + (publishes ? 1 : 0),
    };
    const publish: Effect[] = publishes ? [{ kind: "publish", urgent: this.#published === "now" }] : [];
    return { state, effects: [...publish, ...this.#effects], answer };
  }
}
