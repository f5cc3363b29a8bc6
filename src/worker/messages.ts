/** All that main thread and worker threads say to each other: two tagged unions of plain data. */
import type { Lines } from "../log/line-buffer.ts";
import type { ControlReply, ControlRequest } from "../fleet/control.ts";
import type { LoadDigest } from "../fleet/digest.ts";
import type { InstanceId } from "../fleet/instance.ts";
import type { FleetReports, FleetSnapshot } from "../fleet/snapshot.ts";
import type { FrontName } from "../front/front.ts";
import type { LogOptions } from "../log/options.ts";
import type { MetricData } from "../metrics/metric-set.ts";
import type { ProxyOptions } from "../proxy/options.ts";
import type { SchedulerOptions } from "../scheduler/options.ts";

/** What a reload changes in a running thread. */
export interface LiveOptions {
  readonly proxy: ProxyOptions;
  readonly scheduler: SchedulerOptions;
  readonly log: LogOptions;
}

export interface WorkerSettings extends LiveOptions {
  /** Unique for the life of the process: the dispatcher's name in digests. */
  readonly name: string;
  readonly front: FrontName;
  /** Empty: all interfaces, IPv4 and IPv6. */
  readonly hostname: string;
  readonly port: number;
  /** Several threads listen on the port. */
  readonly reusePort: boolean;
  readonly seed: number;
  /** Of the hashes of prompt prefixes, which the threads tell each other. */
  readonly prefixSeed: number;
  readonly splitwise: boolean;
}

/** Streams are given longer than other answers. */
export type CutScope = "all" | "all-but-streams";

export type ToWorker =
  /** With the fleet: a thread that listened before it knew it would answer 503. */
  | { readonly kind: "start"; readonly settings: WorkerSettings; readonly snapshot: FleetSnapshot }
  | { readonly kind: "snapshot"; readonly snapshot: FleetSnapshot }
  | { readonly kind: "reports"; readonly reports: FleetReports }
  | { readonly kind: "digest"; readonly digest: LoadDigest }
  /** Another thread ended: its load is gone. */
  | { readonly kind: "withdraw"; readonly dispatcher: string }
  | { readonly kind: "dispatchers"; readonly index: number; readonly count: number }
  | { readonly kind: "control-reply"; readonly id: number; readonly reply: ControlReply }
  /** Asks for a `metrics` message now. */
  | { readonly kind: "collect" }
  | { readonly kind: "ping" }
  /** Requests that come from now on are handled with these. Answered by `configured`. */
  | { readonly kind: "configure"; readonly options: LiveOptions }
  /** Answer 503 to health checks, after `noticeMs` take no new connections, let running requests end. */
  | { readonly kind: "drain"; readonly noticeMs: number }
  /** Break off what still runs, with an error event where that is possible. */
  | { readonly kind: "cut"; readonly what: CutScope };

export interface InstanceFigures {
  readonly id: InstanceId;
  readonly inFlight: number;
  readonly load: number;
}

export type FromWorker =
  | { readonly kind: "listening"; readonly port: number }
  | { readonly kind: "cannot-listen"; readonly message: string }
  | { readonly kind: "digest"; readonly digest: LoadDigest }
  | { readonly kind: "control"; readonly id: number; readonly request: ControlRequest }
  | { readonly kind: "metrics"; readonly data: MetricData; readonly instances: readonly InstanceFigures[] }
  /** Lines for the log, ready to be written. */
  | { readonly kind: "lines"; readonly lines: Lines }
  /** A programming error that a request met; the thread lives on. */
  | { readonly kind: "crashed"; readonly message: string }
  /** A request failed on the instance: worth a probe. */
  | { readonly kind: "observed"; readonly id: InstanceId }
  | { readonly kind: "pong" }
  | { readonly kind: "configured" }
  /** After `drain`: nothing runs any more. */
  | { readonly kind: "drained" };
