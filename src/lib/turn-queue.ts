/**
 * Collects what comes up in a turn of the event loop and handles all of it at its end: the same code for one item after the other finds itself in
 * the processor's caches. What nobody waits for (counts given back, log lines) lets messages leave first that way.
 */
export class TurnQueue<T> {
  readonly #handle: (items: readonly T[]) => void;
  readonly #atEndOfTurn: (handle: () => void) => void;
  readonly #handleScheduled = (): void => {
    this.#isScheduled = false;
    this.flush();
  };
  #items: T[] = [];
  /** Empty, to take what is added while the others are handled. */
  #spare: T[] = [];
  #isScheduled = false;

  /** `handle` does not throw, and keeps nothing of the list. `atEndOfTurn` calls what it is given once, later. */
  constructor(handle: (items: readonly T[]) => void, atEndOfTurn: (handle: () => void) => void = setImmediate) {
    this.#handle = handle;
    this.#atEndOfTurn = atEndOfTurn;
  }

  get isEmpty(): boolean {
    return this.#items.length === 0;
  }

  add(item: T): void {
    this.#items.push(item);
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#atEndOfTurn(this.#handleScheduled);
  }

  /** Handles now what is there. What is added meanwhile waits for the end of the next turn. */
  flush(): void {
    const items = this.#items;
    if (items.length === 0) return;
    this.#items = this.#spare;
    // One that is called while it handles gets a list of its own.
    this.#spare = [];
    try {
      this.#handle(items);
    } finally {
      items.length = 0;
      this.#spare = items;
    }
  }
}
