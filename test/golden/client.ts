/** A client that sends raw bytes and tells what came back, and how it ended. Used by play.ts. */
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { headerOf, isChunked, readChunks } from "./wire.ts";

export interface RawAnswer {
  readonly status: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Buffer;
  readonly framing: "length" | "chunked" | "close" | "none" | "cut";
  readonly interim: readonly string[];
  readonly closed: boolean;
}

export type Exchange =
  | RawAnswer
  /** No whole head came. */
  | { readonly ended: "eof" | "reset" | "timeout"; readonly partial: string };

export type Leaving = "stay" | "close" | "half-close";

/** How long an open connection is watched for its end after a whole answer. */
const WATCH_MS = 25;
/** When a client leaves that does not wait for its answer. */
const LEAVE_AFTER_MS = 400;

export async function exchange(port: number, request: Buffer, leaving: Leaving, timeoutMs = 8000): Promise<Exchange> {
  const socket = connect({ port, host: "127.0.0.1", noDelay: true, allowHalfOpen: true });
  const reader = new AnswerReader(socket, request.toString("latin1", 0, 5) === "HEAD ");
  socket.write(request);
  if (leaving === "half-close") {
    await sleep(LEAVE_AFTER_MS);
    socket.end();
  }
  if (leaving === "close") {
    await sleep(LEAVE_AFTER_MS);
    socket.destroy();
    // Until the router has noticed, and told the engines.
    await sleep(WATCH_MS * 4);
    return { ended: "eof", partial: reader.text };
  }
  const timer = setTimeout(() => reader.finish("timeout"), timeoutMs);
  const answer = await reader.done;
  clearTimeout(timer);
  socket.destroy();
  return answer;
}

class AnswerReader {
  readonly #isHead: boolean;
  readonly #done = Promise.withResolvers<Exchange>();
  readonly #parts: Buffer[] = [];
  #watching = false;

  constructor(socket: Socket, isHead: boolean) {
    this.#isHead = isHead;
    socket.on("data", (chunk: Buffer) => {
      this.#parts.push(chunk);
      if (!this.#watching) this.#look();
    });
    socket.on("end", () => this.finish("eof"));
    socket.on("error", () => this.finish("reset"));
  }

  get done(): Promise<Exchange> {
    return this.#done.promise;
  }

  get text(): string {
    return Buffer.concat(this.#parts).toString("latin1");
  }

  finish(how: "eof" | "reset" | "timeout"): void {
    this.#done.resolve(this.#read(how) ?? { ended: how, partial: this.text });
  }

  #look(): void {
    const answer = this.#read("open");
    if (answer === null) return;
    this.#watching = true;
    setTimeout(() => this.#done.resolve(answer), WATCH_MS);
  }

  /** Null when the head, or while the connection is open the body, is not complete. */
  #read(how: "open" | "eof" | "reset" | "timeout"): RawAnswer | null {
    let bytes = Buffer.concat(this.#parts);
    let headEnd = bytes.indexOf("\r\n\r\n");
    const interim: string[] = [];
    while (headEnd >= 0 && /^HTTP\/1\.[01] 1\d\d/.test(bytes.toString("latin1", 0, 14))) {
      interim.push(bytes.toString("latin1", 0, bytes.indexOf("\r\n")));
      bytes = bytes.subarray(headEnd + 4);
      headEnd = bytes.indexOf("\r\n\r\n");
    }
    if (headEnd < 0) return null;
    const head = bytes.toString("latin1", 0, headEnd);
    const rest = bytes.subarray(headEnd + 4);
    const [status = "", ...lines] = head.split("\r\n");
    const headers = lines.map((line): [string, string] => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon), line.slice(colon + 1).trim()];
    });
    const answer = this.#frame(head, status, rest, how);
    if (answer === null) return null;
    const closed = how === "eof" || how === "reset";
    return { status, headers, interim, closed, ...answer };
  }

  #frame(head: string, status: string, rest: Buffer, how: string): Pick<RawAnswer, "body" | "framing"> | null {
    const none = this.#isHead || / (?:204|304) ?/.test(status.slice(8, 14));
    if (none) return { body: Buffer.alloc(0), framing: "none" };
    if (isChunked(head)) {
      const { body, end } = readChunks(rest, 0);
      if (end !== null) return { body, framing: "chunked" };
      return how === "open" ? null : { body, framing: "cut" };
    }
    const length = headerOf(head, "content-length");
    if (length !== null) {
      const body = rest.subarray(0, Number(length));
      if (body.length === Number(length)) return { body, framing: "length" };
      return how === "open" ? null : { body, framing: "cut" };
    }
    if (how === "open") return null;
    return { body: rest, framing: how === "reset" ? "cut" : "close" };
  }
}
