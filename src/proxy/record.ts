/** What is kept of one request from its arrival to its end: metrics count it once and the access line is written from it. */
import type { Instance, InstanceId } from "../fleet/instance.ts";
import type { ErrorCode } from "../errors.ts";
import type { RequestLines, RequestTags } from "../log/request-lines.ts";
import type { HeaderList } from "../upstream/response-head.ts";
import { clientAddress } from "./client-address.ts";
import type { Downstream } from "./downstream.ts";
import type { StreamFault } from "./outcome.ts";

/** Times in milliseconds on the thread's monotonic clock; 0 for what did not happen. */
export interface RequestRecord {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  /** Address of the client, as far as proxies in between tell it. */
  readonly clientIp: string;
  /** Path of the route: `path` without odd spellings. Empty when there is no route. */
  endpoint: string;
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
  /** Null until the body is read. */
  tags: RequestTags | null;
  /** Null when its lines are not wanted. */
  lines: RequestLines | null;
  /** The request went out to the instance, the last time. */
  forwardedAt: number;
  /** First byte of the answer's body passed on. */
  firstByteAt: number;
  /** What the client was sent in the end; 499 when it left before. */
  status: number;
  stream: boolean;
  requestBytes: number;
  hasPrompt: boolean;
  responseBytes: number;
  /** The router's own error, or why an answer was not complete. */
  error: ErrorCode | "client_gone" | "upstream_cut" | StreamFault | null;
}

export function newRecord(client: Downstream, now: number): RequestRecord {
  return {
    method: client.method,
    path: client.path,
    query: client.query,
    clientIp: clientAddress(client),
    endpoint: "",
    startedAt: now,
    bodyAt: 0,
    instance: null,
    prefill: null,
    routerHeaders: [],
    attempts: 0,
    tags: null,
    lines: null,
    forwardedAt: 0,
    firstByteAt: 0,
    status: 0,
    stream: false,
    requestBytes: 0,
    hasPrompt: false,
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
