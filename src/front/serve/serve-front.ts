/** The front on Bun.serve. Its parser is used and tested by many; a small request costs 1.3 times what it costs on the raw one. */
import type { Server } from "bun";
import { RouterError } from "../../errors.ts";
import { LiveSet } from "../../lib/live-set.ts";
import { TurnQueue } from "../../lib/turn-queue.ts";
import { arrivals, IDLE_CONNECTION_SECS, type Front, type FrontClient, type FrontOptions } from "../front.ts";
import { type AnswerDesk, ServeDownstream } from "./serve-downstream.ts";

/** How long a request may take before its client is watched: so much later at most its instance hears that nobody waits any more. */
const WATCH_MS = 50;

export class ServeFront implements Front, AnswerDesk {
  readonly #options: FrontOptions;
  /** Neither answered nor watched yet. */
  readonly #fresh = new LiveSet<ServeDownstream>();
  /** Their bodies have come when they begin, mostly, and are taken without waiting: a sixth of a small request. */
  readonly #arrived: TurnQueue<FrontClient>;
  /** Their answers leave at the end of the turn, like what lies in the outbox (lib/outbox.ts). */
  readonly #answered = new TurnQueue<ServeDownstream>(release);
  readonly #watcher: Timer;
  readonly #server: Server<undefined>;

  /** Throws when the address cannot be listened on. */
  constructor(options: FrontOptions) {
    const { hostname, port, reusePort } = options;
    this.#options = options;
    this.#arrived = arrivals(options);
    this.#server = Bun.serve({
      ...(hostname === "" || hostname === "0.0.0.0" ? {} : { hostname }),
      port,
      reusePort,
      development: false,
      idleTimeout: IDLE_CONNECTION_SECS,
      // The body's limit is ours too, since Bun's answer has no body to explain it.
      maxRequestBodySize: Number.MAX_SAFE_INTEGER,
      fetch: (request, server) => this.#accept(request, server),
      error: (error) => this.#answerCrash(error),
    });
    this.#watcher = setInterval(() => this.#watch(), WATCH_MS);
  }

  get port(): number {
    return this.#server.port ?? 0;
  }

  /** Of what Bun sends it does not say. */
  get isSending(): boolean {
    return !this.#arrived.isEmpty || !this.#answered.isEmpty;
  }

  async stop(): Promise<void> {
    await this.#server.stop();
  }

  async stopNow(): Promise<void> {
    clearInterval(this.#watcher);
    await this.#server.stop(true);
  }

  #accept(request: Request, server: Server<undefined>): Promise<Response> {
    const client = new ServeDownstream(request, server, this);
    client.slot = this.#fresh.add(client);
    if (isPutOff(client)) this.#arrived.add(client);
    else this.#options.accept(client);
    return client.answer;
  }

  answered(client: ServeDownstream, response: Response): void {
    // Before the listener closes: an idle connection that the client takes for usable would be reset under its next request.
    if (this.#options.isDraining()) response.headers.set("connection", "close");
    if (client.slot !== null) this.#fresh.delete(client.slot);
    if (isPutOff(client)) this.#answered.add(client);
    else client.release();
  }

  #watch(): void {
    for (const slot of this.#fresh) {
      this.#fresh.delete(slot);
      slot.member.watch();
    }
  }

  /** Bun's own error page would show source code. */
  #answerCrash(error: unknown): Response {
    this.#options.crashed(error);
    return Response.json({ code: 500, msg: new RouterError("internal").message }, { status: 500 });
  }
}

function release(clients: readonly ServeDownstream[]): void {
  for (const client of clients) client.release();
}

/** What Bun reads at once: a longer body has not come yet at the end of the turn. With 220 KB a request takes 4 to 9 percent less so. */
const MAX_PUT_OFF_BYTES = 512 * 1024;

/**
 * What waits for its body anyway. Without one Bun wants the answer in the turn in which the request came, or it closes a connection with a
 * pipelined one; and what is wrong with a chunked body it tells only those who ask before it has come.
 */
function isPutOff(client: ServeDownstream): boolean {
  if (client.method !== "POST") return false;
  const length = client.header("content-length");
  return length !== null && Number(length) <= MAX_PUT_OFF_BYTES;
}
