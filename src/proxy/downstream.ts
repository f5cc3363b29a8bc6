/**
 * The client's side of one request, as the proxy sees it; the fronts (front/) make one of each request. Once `head` was called the answer ends with exactly one of `end` and `abort`.
 */
import type { HeaderList } from "../upstream/response-head.ts";

export interface Downstream {
  readonly method: string;
  /** As Bun normalised it (dot segments resolved, escapes kept), without the query. The authority for CONNECT. */
  readonly path: string;
  /** Without the question mark. */
  readonly query: string;
  /** Peer address. */
  readonly peer: string;
  header(lowerName: string): string | null;
  /** Every field; repeated ones together, or one by one, as the front has them. */
  eachField(visit: (name: string, value: string) => void): void;
  /** Stands for the fields: requests that share it have the same ones, but for Content-Length. Null where that is not known. */
  readonly fieldsKey: object | null;
  /** The whole body, in memory that is the caller's alone if it is long (lib/release-bytes.ts); at once where it has come already. Throws RouterError `body_too_large`, `body_timeout`, `client_closed`, `invalid_body`. */
  readBody(maxBytes: number): Buffer | Promise<Buffer>;

  /** The head of the answer; sent with the first `flush` or `end`. */
  head(status: number, headers: HeaderList): void;
  /** Adds a part of `bytes` to the body, all of it by default. Nothing is sent before `flush` or `end`; until then the bytes must stay as they are. */
  write(bytes: Buffer, start?: number, end?: number): void;
  /** Sends what was written. False: the client does not keep up, wait until the watcher is told. */
  flush(): boolean;
  end(): void;
  /** Breaks the connection, so that the client can tell that the answer is not complete. */
  abort(): void;
  /** Status of the answer that was handed to the client's connection; 0 while there is none. */
  readonly sentStatus: number;
  /** The same as a question: it cannot be answered otherwise any more. */
  readonly started: boolean;
  /** The client left before the end. */
  readonly gone: boolean;
  /** Who is to know what becomes of the client. */
  watcher: ClientWatcher | null;
}

export interface ClientWatcher {
  /** The client is gone. */
  left(): void;
  /** It takes more again, after a `flush` that said false. */
  drained(): void;
}
