/**
 * The client's side of one request, as the proxy sees it. worker/serve-downstream.ts is the one on Bun.serve; another front would be
 * another file with this contract. Once `head` was called the answer ends with exactly one of `end` and `abort`.
 */
import type { HeaderList } from "../upstream/response-head.ts";

export interface Downstream {
  readonly method: string;
  /** Percent-decoded once where that is safe, without the query. */
  readonly path: string;
  /** Without the question mark. */
  readonly query: string;
  /** Peer address. */
  readonly peer: string;
  header(lowerName: string): string | null;
  headers(): Iterable<[name: string, value: string]>;
  /** The whole body. Throws RouterError `body_too_large`, `body_timeout`, `client_closed`, `invalid_body`. */
  readBody(maxBytes: number): Promise<Uint8Array>;

  /** The head of the answer; sent with the first `flush` or `end`. */
  head(status: number, headers: HeaderList): void;
  /** Adds to the body. Nothing is sent before `flush` or `end`. */
  write(chunk: Uint8Array): void;
  /** Sends what was written. False: the client does not keep up, wait for `onDrain`. */
  flush(): boolean;
  end(): void;
  /** Breaks the connection, so that the client can tell that the answer is not complete. */
  abort(): void;
  /** Something of the answer was handed to the client's connection. */
  readonly started: boolean;
  /** The client left before the end. */
  readonly gone: boolean;
  onGone: (() => void) | null;
  onDrain: (() => void) | null;
}
