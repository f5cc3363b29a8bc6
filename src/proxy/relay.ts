/**
 * Passes an answer on to the client as it comes, in the same event-loop turn; back-pressure goes the other way. Called by attempt.ts and splitwise/attempt-pair.ts.
 * A short answer of known length is held until it is complete and leaves in one piece: one write, with its Content-Length, and an
 * instance that breaks meanwhile has not spoilt anything.
 */
import type { ByteRange } from "../lib/byte-range.ts";
import { TurnQueue } from "../lib/turn-queue.ts";
import type { Assignment } from "../scheduler/assignment.ts";
import type { AnswerListener, Exchange } from "../upstream/exchange.ts";
import type { UpstreamFailure } from "../upstream/failure.ts";
import type { ProxyContext } from "./context.ts";
import type { HeaderList, ResponseHead } from "../upstream/response-head.ts";
import type { ClientWatcher, Downstream } from "./downstream.ts";
import { findStreamFault } from "./outcome.ts";
import type { RequestRecord } from "./record.ts";
import { errorEvent } from "./respond.ts";

export type RelayResult =
  | { readonly kind: "complete"; /** The end of the body, for `usage` and error objects. */ readonly tail: ByteRange }
  | { readonly kind: "client-gone" }
  /** When nothing was passed on yet the client can still be answered otherwise. */
  | { readonly kind: "failed"; readonly failure: UpstreamFailure };

export interface Relayed {
  readonly assignment: Assignment;
  readonly record: RequestRecord;
  readonly proxy: ProxyContext;
}

const HOLD_BYTES = 64 * 1024;

/**
 * `begin` starts the exchange, or takes over one whose head has come, and gives it to the listener. The listener hears everything in the
 * turn in which it arrives: between head and body nothing has to be kept.
 */
export function relay(
  client: Downstream,
  relayed: Relayed,
  begin: (listener: RelayListener) => void,
): Promise<RelayResult> {
  if (client.gone) return Promise.resolve({ kind: "client-gone" });
  const settled = Promise.withResolvers<RelayResult>();
  const listener = new RelayListener(client, relayed, settled);
  client.watcher = listener;
  begin(listener);
  return settled.promise;
}

export class RelayListener implements AnswerListener, ClientWatcher {
  /** Set by who begins. */
  exchange: Exchange | null = null;
  readonly #client: Downstream;
  readonly #relayed: Relayed;
  readonly #promise: PromiseWithResolvers<RelayResult>;
  #stream = false;
  #hold = false;
  #previous: ByteRange = NOTHING;
  #last: ByteRange = NOTHING;
  #partAt = 0;
  #stuck: Timer | null = null;
  #tail: ByteRange | null = null;

  constructor(client: Downstream, relayed: Relayed, promise: PromiseWithResolvers<RelayResult>) {
    this.#client = client;
    this.#relayed = relayed;
    this.#promise = promise;
  }

  onHead(head: ResponseHead): void {
    const { status, framing, mediaType } = head;
    const { record } = this.#relayed;
    record.status = status;
    this.#stream = mediaType === "text/event-stream";
    this.#hold = !this.#stream && framing.kind === "length" && framing.bytes <= HOLD_BYTES;
    this.#client.head(status, headersFor(head, record.routerHeaders));
  }

  onData(bytes: Buffer, start: number, end: number): void {
    this.#previous = this.#last;
    this.#last = { bytes, start, end };
    this.#relayed.record.responseBytes += end - start;
    this.#client.write(bytes, start, end);
  }

  onReadEnd(): void {
    if (this.#hold) return;
    this.#note();
    if (!this.#client.flush()) this.#stall();
  }

  onEnd(): void {
    this.#note();
    try {
      this.#client.end();
    } catch (error) {
      // A head that the front does not take. Nothing follows that would bring it up otherwise.
      this.#promise.reject(error);
      return;
    }
    const tail = this.#previous === NOTHING ? this.#last : joined(this.#previous, this.#last);
    const { record } = this.#relayed;
    if (this.#stream && record.status < 400) record.error = findStreamFault(tail);
    this.#tail = tail;
    COMPLETE.add(this);
  }

  /** The client has got its answer. */
  complete(): void {
    if (this.#tail !== null) this.#settle({ kind: "complete", tail: this.#tail });
  }

  onFailure(failure: UpstreamFailure): void {
    if (this.#client.started) {
      // An event that was cut in the middle is closed first; the connection is broken in any case (faults U07, U09).
      if (this.#stream) {
        this.#client.write(
          Buffer.concat([Buffer.from("\n\n"), errorEvent("upstream_failed", "the answer was cut by the instance")]),
        );
        this.#client.flush();
      }
      this.#client.abort();
    }
    this.#settle({ kind: "failed", failure });
  }

  drained(): void {
    if (this.#stuck !== null) clearTimeout(this.#stuck);
    this.#stuck = null;
    this.exchange?.resume();
  }

  /** Or takes nothing any more. */
  left(): void {
    if (this.#tail !== null) return;
    this.exchange?.abort();
    this.#settle({ kind: "client-gone" });
  }

  /** Times the part that has just been read. */
  #note(): void {
    const { assignment, record, proxy } = this.#relayed;
    const at = proxy.now();
    if (record.firstByteAt === 0) {
      record.firstByteAt = at;
      if (this.#stream) assignment.firstToken(at);
    } else if (this.#stream) {
      proxy.recorder.interToken(at - this.#partAt);
    }
    this.#partAt = at;
  }

  /** The client takes nothing: stop reading from the instance, for a while. */
  #stall(): void {
    this.exchange?.pause();
    const { writeTimeoutMs } = this.#relayed.proxy.limits;
    if (writeTimeoutMs === 0) return;
    this.#stuck ??= setTimeout(() => {
      this.#client.abort();
      this.left();
    }, writeTimeoutMs);
  }

  #settle(result: RelayResult): void {
    if (this.#stuck !== null) clearTimeout(this.#stuck);
    this.#stuck = null;
    this.#promise.resolve(result);
  }
}

/**
 * Answers that are on their way. What remains to be done for them (counts, figures, log lines) waits until they have left: a client has a short
 * answer a tenth sooner.
 */
const COMPLETE = new TurnQueue<RelayListener>((listeners) => {
  for (const listener of listeners) listener.complete();
});

/** What the Go router makes of an answer without a type, unless it is binary. Bun would call it application/octet-stream. */
const UNNAMED_TYPE: HeaderList = [["content-type", "text/plain; charset=utf-8"]];
const NOTHING: ByteRange = { bytes: Buffer.alloc(0), start: 0, end: 0 };

function joined(a: ByteRange, b: ByteRange): ByteRange {
  const length = a.end - a.start;
  const bytes = Buffer.allocUnsafe(length + b.end - b.start);
  a.bytes.copy(bytes, 0, a.start, a.end);
  b.bytes.copy(bytes, length, b.start, b.end);
  return { bytes, start: 0, end: bytes.length };
}

/** The instance's own, and those added here. */
function headersFor({ headers: own, framing, mediaType }: ResponseHead, routers: HeaderList): HeaderList {
  const isEmpty = framing.kind === "length" && framing.bytes === 0;
  if (mediaType === "" && !isEmpty) return [...ownFields(own), ...UNNAMED_TYPE, ...routers];
  let lists = knownLists.get(own);
  if (lists === undefined) {
    lists = new WeakMap();
    knownLists.set(own, lists);
  }
  let list = lists.get(routers);
  if (list === undefined) {
    if (++knownCount > MAX_KNOWN_LISTS) {
      knownLists = new WeakMap();
      knownCount = 0;
    }
    list = [...ownFields(own), ...routers];
    lists.set(routers, list);
  }
  return list;
}

/** By the instance's own fields and those added: both come again and again, and a front keeps what it makes of a list. */
let knownLists = new WeakMap<HeaderList, WeakMap<HeaderList, HeaderList>>();
let knownCount = 0;
/** Many instances, each with the time of day in its answers, make many lists. */
const MAX_KNOWN_LISTS = 4096;

function ownFields(own: HeaderList): HeaderList {
  return own.filter(([name]) => !speaksForRouter(name));
}

/** An instance cannot speak in the router's name. */
function speaksForRouter(name: string): boolean {
  return /^x-router-/i.test(name);
}
