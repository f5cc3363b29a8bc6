/**
 * The engine behind what is measured: several ports, answers prepared beforehand, far cheaper than any router. How it answers is named
 * in the request (behaviour.ts); `GET /stats` tells what it has seen. Part of load-program.ts.
 */
import type { Socket } from "bun";
import { BEHAVIOUR_HEADER, type Behaviour, parseBehaviour } from "./behaviour.ts";
import { clockNs } from "./clock.ts";
import { EventTemplate, STREAM_END, STREAM_HEAD } from "./event.ts";
import { fieldOf, headEnd, readHead } from "./http-head.ts";

/** Counters since the start. */
const stats = { opened: 0, open: 0, requests: 0, streaming: 0, aborted: 0 };
const answers = new Map<number, Buffer>();
const templates = new Map<number, EventTemplate>();
/** Streams by the tick at which their next event is due. */
const due = new Map<number, Visitor[]>();
const NONE = Buffer.alloc(0);
let tick = 0;

class Visitor {
  readonly #socket: Socket<Visitor>;
  #head: Buffer | null = null;
  /** The head before, which most often comes again. */
  #seen: Buffer = NONE;
  #seenLength = 0;
  #behaviour: Behaviour = { kind: "answer", bytes: 2 };
  #isStats = false;
  #bodyLeft = -1;
  #unsent: Buffer | null = null;
  #eventsLeft = 0;
  #open = true;

  constructor(socket: Socket<Visitor>) {
    this.#socket = socket;
  }

  received(chunk: Buffer): void {
    let bytes = chunk;
    while (bytes.length > 0) {
      if (this.#bodyLeft < 0) {
        if (this.#head !== null) bytes = Buffer.concat([this.#head, bytes]);
        const end = headEnd(bytes);
        if (end < 0) {
          this.#head = Buffer.from(bytes);
          return;
        }
        this.#head = null;
        this.#begin(bytes, end);
        bytes = bytes.subarray(end);
      }
      const taken = Math.min(this.#bodyLeft, bytes.length);
      this.#bodyLeft -= taken;
      bytes = bytes.subarray(taken);
      if (this.#bodyLeft > 0) return;
      this.#bodyLeft = -1;
      this.#answer();
    }
  }

  /** Sends the next event of a stream, or its end. */
  step(): void {
    if (!this.#open || this.#behaviour.kind !== "stream") return;
    const { everyMs, bytes } = this.#behaviour;
    // One who does not keep up gets no events meanwhile: the stamps of queued ones would tell of the queue.
    if (this.#unsent === null) this.#sendEvent(bytes);
    if (this.#eventsLeft > 0) this.#schedule(everyMs);
    else this.#finish();
  }

  drained(): void {
    const rest = this.#unsent;
    this.#unsent = null;
    if (rest !== null) this.#write(rest);
    if (this.#eventsLeft > 0 && this.#behaviour.kind === "stream" && this.#behaviour.everyMs === 0) this.#flood();
  }

  closed(): void {
    if (!this.#open) return;
    this.#open = false;
    stats.open--;
    if (this.#eventsLeft > 0) {
      stats.streaming--;
      stats.aborted++;
    }
  }

  #begin(bytes: Buffer, end: number): void {
    if (this.#seen.length === end && this.#seen.compare(bytes, 0, end) === 0) {
      this.#bodyLeft = this.#seenLength;
      return;
    }
    const { text, contentLength } = readHead(bytes, end);
    this.#seen = Buffer.from(bytes.subarray(0, end));
    this.#seenLength = contentLength ?? 0;
    this.#bodyLeft = this.#seenLength;
    this.#isStats = text.startsWith("get /stats");
    this.#behaviour = parseBehaviour(fieldOf(text, BEHAVIOUR_HEADER) ?? "");
  }

  #answer(): void {
    stats.requests++;
    if (this.#isStats) {
      const body = JSON.stringify(stats);
      this.#write(Buffer.from(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`));
    } else if (this.#behaviour.kind === "answer") {
      this.#write(answerOf(this.#behaviour.bytes));
    } else {
      this.#startStream(this.#behaviour);
    }
  }

  #startStream({ events, everyMs }: Behaviour & { kind: "stream" }): void {
    stats.streaming++;
    this.#eventsLeft = events;
    this.#write(STREAM_HEAD);
    if (everyMs === 0) this.#flood();
    // Streams are spread over the period, so that events come evenly.
    else this.#schedule(1 + Math.floor(Math.random() * everyMs));
  }

  #flood(): void {
    while (this.#unsent === null && this.#eventsLeft > 0 && this.#behaviour.kind === "stream") {
      this.#sendEvent(this.#behaviour.bytes);
    }
    if (this.#eventsLeft === 0) this.#finish();
  }

  #sendEvent(bytes: number): void {
    this.#eventsLeft--;
    const template = templateOf(bytes);
    template.stamp(clockNs());
    this.#write(template.bytes);
  }

  #finish(): void {
    stats.streaming--;
    if (this.#unsent === null) this.#write(STREAM_END);
    else this.#unsent = Buffer.concat([this.#unsent, STREAM_END]);
  }

  #schedule(afterMs: number): void {
    const at = tick + afterMs;
    const others = due.get(at);
    if (others === undefined) due.set(at, [this]);
    else others.push(this);
  }

  #write(bytes: Buffer): void {
    const written = this.#socket.write(bytes);
    if (written < bytes.length) this.#unsent = Buffer.from(bytes.subarray(Math.max(0, written)));
  }
}

function answerOf(bytes: number): Buffer {
  let answer = answers.get(bytes);
  if (answer === undefined) {
    const frame = '{"id":"chatcmpl-1","object":"chat.completion","choices":[{"message":{"content":""}}]}';
    const body =
      bytes < frame.length ? "x".repeat(bytes) : frame.replace('""', `"${"y".repeat(bytes - frame.length)}"`);
    answer = Buffer.from(
      `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Request-Id: 0123456789abcdef\r\nContent-Length: ${bytes}\r\n\r\n${body}`,
    );
    answers.set(bytes, answer);
  }
  return answer;
}

function templateOf(bytes: number): EventTemplate {
  let template = templates.get(bytes);
  if (template === undefined) {
    template = new EventTemplate(bytes);
    templates.set(bytes, template);
  }
  return template;
}

/** Listens on these ports, and sends events in the pace of their streams from now on. */
export function listen(ports: readonly number[]): void {
  const startedAt = clockNs();
  setInterval(() => {
    // Timers come late on a busy machine; the pace is kept by the clock.
    const target = Math.floor((clockNs() - startedAt) / 1e6);
    while (tick < target) {
      tick++;
      const visitors = due.get(tick);
      if (visitors === undefined) continue;
      due.delete(tick);
      for (const visitor of visitors) visitor.step();
    }
  }, 1);
  for (const port of ports) {
    Bun.listen<Visitor>({
      hostname: "0.0.0.0",
      port,
      socket: {
        binaryType: "buffer",
        open(socket) {
          socket.setNoDelay(true);
          socket.data = new Visitor(socket);
          stats.opened++;
          stats.open++;
        },
        data: (socket, bytes) => socket.data.received(bytes),
        drain: (socket) => socket.data?.drained(),
        close: (socket) => socket.data?.closed(),
        error: (socket) => socket.data?.closed(),
      },
    });
  }
}
