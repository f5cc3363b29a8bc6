/** A Downstream that remembers what it was told, and does what the test wants. */
import { RouterError } from "../../../src/errors.ts";
import type { ClientWatcher, Downstream } from "../../../src/proxy/downstream.ts";
import type { HeaderList } from "../../../src/upstream/response-head.ts";

export interface FakeClientOptions {
  readonly method?: string;
  readonly path?: string;
  readonly query?: string;
  readonly fields?: Readonly<Record<string, string>>;
  readonly body?: string | RouterError;
}

export class FakeClient implements Downstream {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly peer = "10.0.0.9";
  watcher: ClientWatcher | null = null;
  /** Takes no more: `flush` says so. */
  blocked = false;
  gone = false;
  sentStatus = 0;
  /** Every call that ends an answer. */
  readonly ends: ("end" | "abort")[] = [];
  /** What has left for the client. */
  sent = "";
  sentHeaders: HeaderList = [];
  flushes = 0;
  readonly #fields: Readonly<Record<string, string>>;
  readonly #body: string | RouterError;
  #status = 0;
  #waiting = "";

  constructor({
    method = "POST",
    path = "/v1/chat/completions",
    query = "",
    fields = {},
    body = "{}",
  }: FakeClientOptions = {}) {
    this.method = method;
    this.path = path;
    this.query = query;
    this.#fields = fields;
    this.#body = body;
  }

  readonly fieldsKey = null;

  get started(): boolean {
    return this.sentStatus > 0;
  }

  header(lowerName: string): string | null {
    return this.#fields[lowerName] ?? null;
  }

  eachField(visit: (name: string, value: string) => void): void {
    for (const [name, value] of Object.entries(this.#fields)) visit(name, value);
  }

  async readBody(maxBytes: number): Promise<Buffer> {
    if (this.#body instanceof Error) throw this.#body;
    if (this.#body.length > maxBytes) throw new RouterError("body_too_large");
    return Buffer.from(this.#body);
  }

  head(status: number, headers: HeaderList): void {
    if (this.started || this.gone) throw new Error("a head after the begin of the answer, or for a client that left");
    this.#status = status;
    this.sentHeaders = headers;
    this.#waiting = "";
  }

  write(bytes: Buffer, start = 0, end = bytes.length): void {
    if (this.ends.length > 0 && !this.gone) throw new Error("a write after the end of the answer");
    this.#waiting += bytes.toString("utf8", start, end);
  }

  flush(): boolean {
    this.flushes++;
    this.#send();
    return !this.blocked;
  }

  end(): void {
    this.#send();
    this.ends.push("end");
  }

  abort(): void {
    this.ends.push("abort");
  }

  /** The client closes its connection. */
  leave(): void {
    if (this.gone || this.ends.length > 0) return;
    this.gone = true;
    this.watcher?.left();
  }

  drain(): void {
    this.blocked = false;
    this.watcher?.drained();
  }

  headerSent(lowerName: string): string | undefined {
    return this.sentHeaders.find(([name]) => name === lowerName)?.[1];
  }

  #send(): void {
    if (this.#status === 0) throw new Error("an answer without a head");
    if (this.gone) return;
    this.sentStatus = this.#status;
    this.sent += this.#waiting;
    this.#waiting = "";
  }
}
