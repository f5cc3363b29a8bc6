/** What is kept of one request from its arrival to its end: metrics count it once and the access line is written from it. */
import type { Instance, InstanceId } from "../fleet/instance.ts";
import type { ErrorCode } from "../errors.ts";
import type { HeaderList } from "../upstream/response-head.ts";
import type { Downstream } from "./downstream.ts";
import type { StreamFault } from "./outcome.ts";

/** Times in milliseconds on the thread's monotonic clock; 0 for what did not happen. */
export interface RequestRecord {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly peer: string;
  readonly startedAt: number;
  /** The body had arrived. */
  bodyAt: number;
  /** The chosen instance (the last one, when there were several attempts). */
  instance: Instance | null;
  /** The prefill instance of a pair; `instance` is then the decode one, or the one that failed. */
  prefill: Instance | null;
  /** Fields that name the choice to the client, on an error answer too. */
  routerHeaders: HeaderList;
  attempts: number;
  /** The request went out to the instance, the last time. */
  forwardedAt: number;
  /** First byte of the answer's body passed on. */
  firstByteAt: number;
  /** What the client was sent in the end; 499 when it left before. */
  status: number;
  stream: boolean;
  requestBytes: number;
  responseBytes: number;
  /** The router's own error, or why an answer was not complete. */
  error: ErrorCode | "client_gone" | "upstream_cut" | StreamFault | null;
}

export function newRecord(client: Downstream, now: number): RequestRecord {
  return {
    method: client.method,
    path: client.path,
    query: client.query,
    peer: client.peer,
    startedAt: now,
    bodyAt: 0,
    instance: null,
    prefill: null,
    routerHeaders: [],
    attempts: 0,
    forwardedAt: 0,
    firstByteAt: 0,
    status: 0,
    stream: false,
    requestBytes: 0,
    responseBytes: 0,
    error: null,
  };
}

/** Where records go; worker/recorder.ts on a worker thread. */
export interface Recorder {
  /** Time between two parts of a stream. */
  interToken(ms: number): void;
  retried(): void;
  /** An instance broke, by the kind of failure. */
  upstreamFailed(instance: InstanceId, kind: string): void;
  /** A programming error ended a request. */
  crashed(error: unknown): void;
  finish(record: RequestRecord, now: number): void;
}
