/**
 * What an engine last reported of itself. It gates an engine whose cache is nearly full, and shows requests that no router
 * sent. It is never added to own counts, and a missing or stale one says nothing: above all not that the engine is idle.
 */
import type { LoadReport } from "../fleet/snapshot.ts";
import { Fading } from "./fading.ts";

/** An older report says nothing any more. */
const FRESH_MS = 10_000;
const KV_NEARLY_FULL = 0.95;
/** A fresh report sets the foreign load anew; without one it fades in this time. */
const FOREIGN_FADES_MS = 30_000;

export class EngineReport {
  readonly #foreign = new Fading(FOREIGN_FADES_MS);
  #report: LoadReport | null = null;
  #takenAt = -Infinity;
  /** Requests that the routers had there when the report came in. */
  #countThen = 0;
  /** Most requests that the routers had there, in this period of FRESH_MS and in the one before. */
  #peak = 0;
  #peakBefore = 0;
  #periodEndsAt = -Infinity;

  /** -Infinity when the engine may be chosen freely. */
  get gatedUntil(): number {
    const report = this.#report;
    return report !== null && report.kvUsage > KV_NEARLY_FULL && report.waiting > 0 ? this.#freshUntil : -Infinity;
  }

  get foreignUntil(): number {
    return this.#foreign.endsAt;
  }

  foreignRequests(now: number): number {
    return this.#foreign.at(now);
  }

  /** The engine's figures, moved on by what the routers sent and got back since; null when they are stale. */
  score(waitingWeight: number, count: number, now: number): number | null {
    if (this.#report === null || now > this.#freshUntil) return null;
    const running = Math.max(0, this.#report.running + count - this.#countThen);
    return running + this.#report.waiting * waitingWeight;
  }

  /** The routers have `count` requests there. */
  noteCount(count: number, now: number): void {
    if (now >= this.#periodEndsAt) {
      this.#peakBefore = now >= this.#periodEndsAt + FRESH_MS ? 0 : this.#peak;
      this.#peak = 0;
      this.#periodEndsAt = now + FRESH_MS;
    }
    if (count > this.#peak) this.#peak = count;
  }

  update(report: LoadReport | null, count: number, now: number): void {
    this.noteCount(count, now);
    if (report === null || report.ageMs > FRESH_MS) return;
    const takenAt = now - report.ageMs;
    // The same report comes with every snapshot; only a newer one is news.
    if (takenAt <= this.#takenAt + 1) return;
    this.#report = report;
    this.#takenAt = takenAt;
    this.#countThen = count;
    // Against the peak, since requests of ours that ended after the report was taken are no foreign ones.
    const foreign = report.running + report.waiting - Math.max(this.#peak, this.#peakBefore);
    this.#foreign.set(Math.max(0, foreign), takenAt);
  }

  get #freshUntil(): number {
    return this.#takenAt + FRESH_MS;
  }
}
