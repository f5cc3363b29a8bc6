/**
 * Runs the engine's steps against a real clock, `timeScale` times faster than simulated time. One timer in all; a step shorter than
 * the timer's resolution adds no drift, since time advances by the model and the loop catches up.
 */
import type { Engine } from "./engine.ts";
import type { Sequence, SequenceRequest } from "./sequence.ts";

export interface DriverClock {
  /** Milliseconds from any fixed point. */
  readonly now: () => number;
  /** Calls back once after that many milliseconds. */
  readonly wake: (callback: () => void, delayMs: number) => void;
}

const REAL_CLOCK: DriverClock = {
  now: () => performance.now(),
  wake: (callback, delayMs) => void setTimeout(callback, delayMs),
};

/** Real time that one turn may spend on catching up before sockets get their turn. */
const TURN_MS = 5;

export class EngineDriver {
  readonly engine: Engine;
  readonly timeScale: number;
  readonly #clock: DriverClock;
  readonly #startMs: number;
  /** End of the step under way, in simulated time; null between steps. */
  #stepEndMs: number | null = null;
  #wakeAtMs = Infinity;
  /** Number of the timer that counts; one set before it does nothing. */
  #timer = 0;
  /** Called after each turn of the loop in which a step ended. */
  onSteps: () => void = () => {};

  constructor(engine: Engine, timeScale: number, clock: DriverClock = REAL_CLOCK) {
    this.engine = engine;
    this.timeScale = timeScale;
    this.#clock = clock;
    this.#startMs = clock.now();
  }

  /** Simulated milliseconds since the start. */
  now(): number {
    return (this.#clock.now() - this.#startMs) * this.timeScale;
  }

  /** `delayMs`, simulated, passes before the request reaches the queue. */
  submit(request: Omit<SequenceRequest, "arrivalMs">, delayMs: number): Sequence {
    const sequence = this.engine.submit({ ...request, arrivalMs: this.now() + delayMs });
    this.wake();
    return sequence;
  }

  /** PD decode: see `Engine.hold`. */
  hold(request: Omit<SequenceRequest, "arrivalMs">): Sequence | null {
    return this.engine.hold({ ...request, arrivalMs: this.now() });
  }

  /** PD decode: see `Engine.release`. */
  release(sequence: Sequence): void {
    this.engine.release(sequence, this.now());
    this.wake();
  }

  abort(sequence: Sequence): void {
    this.engine.abort(sequence, this.now());
    this.wake();
  }

  /** Something outside the queue changed: look whether a step can begin. */
  wake(): void {
    if (this.#stepEndMs === null) this.#begin(this.now());
    this.#arm();
  }

  #begin(nowMs: number): void {
    const lengthMs = this.engine.begin(nowMs);
    this.#stepEndMs = lengthMs === null ? null : nowMs + lengthMs;
  }

  #turn(): void {
    this.#wakeAtMs = Infinity;
    const deadlineMs = this.#clock.now() + TURN_MS;
    let stepped = false;
    while (this.#clock.now() < deadlineMs) {
      const dueMs = this.#dueMs();
      if (dueMs === null || dueMs > this.now()) break;
      if (this.#stepEndMs !== null) {
        this.engine.commit(dueMs);
        stepped = true;
      }
      this.#begin(dueMs);
      // Nothing could begin although the queue is not empty: it waits for a release or an abort, which wake the loop.
      if (this.#stepEndMs === null && this.#dueMs() === dueMs) break;
    }
    if (stepped) this.onSteps();
    this.#arm();
  }

  /** Simulated time of the next thing to do by itself. */
  #dueMs(): number | null {
    return this.#stepEndMs ?? this.engine.nextArrivalMs();
  }

  #arm(): void {
    const dueMs = this.#dueMs();
    if (dueMs === null || dueMs >= this.#wakeAtMs) return;
    const delayMs = (dueMs - this.now()) / this.timeScale;
    // An arrival that is due but cannot begin is woken by what frees its place.
    if (this.#stepEndMs === null && delayMs <= 0 && this.engine.slotsTaken > 0) return;
    this.#wakeAtMs = dueMs;
    const timer = ++this.#timer;
    this.#clock.wake(
      () => {
        if (timer === this.#timer) this.#turn();
      },
      Math.max(0, delayMs),
    );
  }
}
