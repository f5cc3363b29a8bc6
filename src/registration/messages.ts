/**
 * The registration protocol, version 1: what the two ends say over TCP, one msgpack map a frame (frames.ts).
 * docs/registration.md is the same for people who write another client. Spoken by registry/tcp.ts and registration/client.ts.
 */
import type { Role } from "../fleet/instance.ts";

export const PROTOCOL_VERSION = 1;

/** What a server registers with: FastDeploy's HTTP fields (spec/fastdeploy-engine.md §1.2) plus the last four. */
export interface RegistrationFields {
  readonly role: Role;
  readonly host_ip: string;
  readonly port: number;
  readonly metrics_port?: number;
  readonly connector_port?: number | string | null;
  readonly engine_worker_queue_port?: number | string | null;
  readonly transfer_protocol?: readonly string[];
  readonly rdma_ports?: readonly (number | string)[] | null;
  readonly device_ids?: readonly (number | string)[] | null;
  readonly tp_size?: number;
  readonly version?: string;
  readonly weight?: number;
  readonly model?: string;
  readonly max_in_flight?: number;
  /** Process identity, for instance start time and pid: another value on the same address is a restarted server. */
  readonly boot_id?: string;
}

/** Client → router. */
export type ClientMessage =
  | { readonly t: "hello"; readonly version: number; readonly token?: string; readonly agent?: string }
  | { readonly t: "register"; readonly seq: number; readonly instance: RegistrationFields }
  | {
      readonly t: "report";
      readonly lease: number;
      readonly running: number;
      readonly waiting: number;
      /** 0..1 */
      readonly kv_usage: number;
    }
  | { readonly t: "drain"; readonly seq: number; readonly lease: number }
  /** Takes a drain back. */
  | { readonly t: "resume"; readonly seq: number; readonly lease: number }
  | { readonly t: "leave"; readonly seq: number; readonly lease: number };

/** Router → client. */
export type RouterMessage =
  | { readonly t: "welcome"; readonly version: number; readonly heartbeat_ms: number; readonly lease_ms: number }
  | { readonly t: "registered"; readonly seq: number; readonly lease: number; readonly id: string }
  | { readonly t: "done"; readonly seq: number }
  /** Progress of a drain: how many requests the router still has on the instance. */
  | { readonly t: "draining"; readonly lease: number; readonly in_flight: number }
  /** The router has dropped the lease (expired, replaced by another connection): register again. */
  | { readonly t: "revoked"; readonly lease: number; readonly reason: string }
  /** `seq` 0: not the answer to one message; the connection is closed after it. */
  | { readonly t: "error"; readonly seq: number; readonly code: string; readonly message: string };
