/** One command's work in progress on a state: the state itself stays as it is. Used by registry.ts only. */
import type { InstanceId } from "../fleet/instance.ts";
import type { RevokeReason } from "../registration/messages.ts";
import type { EntryTable } from "./entry-table.ts";
import type { Entry, Lease } from "./entry.ts";
import type { Answer, Applied, Effect, RegistryState } from "./state.ts";

export class Change {
  readonly now: number;
  readonly #before: RegistryState;
  readonly #effects: Effect[] = [];
  #entries: EntryTable;
  #published = false;
  readonly #reported: InstanceId[] = [];
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

  /** Members, or their states, differ. */
  publish(): void {
    this.#published = true;
  }

  /** Of a listed instance nothing but its figures differs. */
  reported(id: InstanceId): void {
    this.#reported.push(id);
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
    const news = this.#news();
    const state: RegistryState = {
      ...this.#before,
      entries: this.#entries,
      lastNumber: this.#lastNumber,
      tickedAt: this.#ticked ? this.now : this.#before.tickedAt,
      version: this.#before.version + (news === null ? 0 : 1),
    };
    return { state, effects: news === null ? this.#effects : [news, ...this.#effects], answer };
  }

  #news(): Effect | null {
    if (this.#published) return { kind: "publish" };
    return this.#reported.length === 0 ? null : { kind: "reported", ids: this.#reported };
  }
}
