/**
 * The registration protocol, version 1: what the two ends say over TCP, one msgpack map a frame (frames.ts).
 * docs/registration.md is the same for people who write another client. Spoken by registry/tcp.ts and registration/client.ts.
 */
import { ROLES, type Role } from "../fleet/instance.ts";
import { Fields } from "./fields.ts";

export const PROTOCOL_VERSION = 1;

/** What a server registers with: FastDeploy's HTTP fields plus the last five. */
export interface RegistrationFields {
  readonly role: Role;
  readonly host_ip: string;
  readonly port: number;
  readonly metrics_port?: number | undefined;
  readonly connector_port?: number | string | null | undefined;
  readonly engine_worker_queue_port?: number | string | null | undefined;
  readonly transfer_protocol?: readonly string[] | undefined;
  readonly rdma_ports?: readonly (number | string)[] | null | undefined;
  readonly device_ids?: readonly (number | string)[] | null | undefined;
  readonly tp_size?: number | undefined;
  readonly version?: string | undefined;
  readonly weight?: number | undefined;
  readonly model?: string | undefined;
  readonly max_in_flight?: number | undefined;
  /** Process identity, for instance start time and pid: another value on the same address is a restarted server. */
  readonly boot_id?: string | undefined;
}

/** Client → router. */
export type ClientMessage =
  | {
      readonly t: "hello";
      readonly version: number;
      readonly token?: string | undefined;
      readonly agent?: string | undefined;
    }
  | { readonly t: "register"; readonly seq: number; readonly instance: RegistrationFields }
  | {
      readonly t: "report";
      readonly lease: number;
      readonly running: number;
      readonly waiting: number;
      /** 0..1 */
      readonly kv_usage: number;
    }
  /** Keeps the lease without new figures: old ones must not look fresh, missing ones must not look idle. */
  | { readonly t: "beat"; readonly lease: number }
  | { readonly t: "drain"; readonly seq: number; readonly lease: number }
  /** Takes a drain back. */
  | { readonly t: "resume"; readonly seq: number; readonly lease: number }
  | { readonly t: "leave"; readonly seq: number; readonly lease: number };

/** Router → client. */
export type RouterMessage =
  | { readonly t: "welcome"; readonly version: number; readonly heartbeat_ms: number; readonly lease_ms: number }
  | { readonly t: "registered"; readonly seq: number; readonly lease: number; readonly id: string }
  | { readonly t: "done"; readonly seq: number }
  /** Sent every `heartbeat_ms`: a client that hears nothing for `lease_ms` has lost the router. */
  | { readonly t: "beat" }
  /** Progress of a drain: how many requests the router still has on the instance. */
  | { readonly t: "draining"; readonly lease: number; readonly in_flight: number }
  /** The router has dropped the lease. Register again, unless the reason is `replaced`: another client serves it now. */
  | { readonly t: "revoked"; readonly lease: number; readonly reason: RevokeReason }
  /** `seq` 0: not the answer to one message; the connection is closed after it. */
  | { readonly t: "error"; readonly seq: number; readonly code: ProblemCode; readonly message: string };

/** `unknown`: the router holds no such lease for this connection. */
export type RevokeReason = "expired" | "replaced" | "removed" | "unknown";
const REVOKE_REASONS: readonly RevokeReason[] = ["expired", "replaced", "removed", "unknown"];

/** Codes of `error`. `final`: trying the same again cannot help. docs/registration.md explains each. */
export const PROBLEMS = Object.freeze({
  bad_frame: { final: false },
  bad_message: { final: true },
  unknown_message: { final: true },
  unsupported_version: { final: true },
  unauthorized: { final: true },
  too_slow: { final: false },
  too_many_connections: { final: false },
  rate_limited: { final: false },
  invalid_instance: { final: true },
  table_full: { final: false },
  taken: { final: false },
  unknown_lease: { final: false },
  stopping: { final: false },
});
export type ProblemCode = keyof typeof PROBLEMS;

export type Parsed<T> =
  | { readonly ok: true; readonly message: T }
  | { readonly ok: false; readonly seq: number; readonly code: ProblemCode; readonly problem: string };

const UINT32_MAX = 0xffff_ffff;
/** No engine runs more at once; a figure beyond it is a fault of the sender. */
const MAX_REQUESTS = 1_000_000;

/** What a decoded frame of a client says. Fields that this version does not know are ignored. */
export function parseClientMessage(value: unknown): Parsed<ClientMessage> {
  const fields = new Fields(value);
  const t = fields.text("t");
  const seq = fields.optionalInteger("seq", 0, UINT32_MAX) ?? 0;
  if (fields.problem !== null) return { ok: false, seq: 0, code: "bad_message", problem: fields.problem };
  const lease = (): number => fields.integer("lease", 1, UINT32_MAX);
  switch (t) {
    case "hello":
      return parsed(fields, seq, {
        t,
        version: fields.integer("version", 0, UINT32_MAX),
        token: fields.optionalText("token"),
        agent: fields.optionalText("agent"),
      });
    case "register": {
      const nested = fields.nested("instance");
      const instance = parseInstance(nested);
      if (nested.problem === null) return parsed(fields, seq, { t, seq: needSeq(fields), instance });
      return { ok: false, seq, code: "invalid_instance", problem: nested.problem };
    }
    case "report":
      return parsed(fields, seq, {
        t,
        lease: lease(),
        running: fields.integer("running", 0, MAX_REQUESTS),
        waiting: fields.integer("waiting", 0, MAX_REQUESTS),
        kv_usage: fields.number("kv_usage", 0, 1),
      });
    case "beat":
      return parsed(fields, seq, { t, lease: lease() });
    case "drain":
    case "resume":
    case "leave":
      return parsed(fields, seq, { t, seq: needSeq(fields), lease: lease() });
    default:
      return { ok: false, seq, code: "unknown_message", problem: `message type ${JSON.stringify(t)} is not known` };
  }
}

/** What a decoded frame of the router says; null for anything this client does not know, which it ignores. */
export function parseRouterMessage(value: unknown): RouterMessage | null {
  const fields = new Fields(value);
  const message = readRouterMessage(fields);
  return fields.problem === null ? message : null;
}

function readRouterMessage(fields: Fields): RouterMessage | null {
  const t = fields.text("t");
  const seq = (): number => fields.integer("seq", 0, UINT32_MAX);
  const lease = (): number => fields.integer("lease", 1, UINT32_MAX);
  switch (t) {
    case "welcome":
      return {
        t,
        version: fields.integer("version", 1, UINT32_MAX),
        heartbeat_ms: fields.integer("heartbeat_ms", 1, UINT32_MAX),
        lease_ms: fields.integer("lease_ms", 1, UINT32_MAX),
      };
    case "registered":
      return { t, seq: seq(), lease: lease(), id: fields.text("id") };
    case "done":
      return { t, seq: seq() };
    case "beat":
      return { t };
    case "draining":
      return { t, lease: lease(), in_flight: fields.integer("in_flight", 0, UINT32_MAX) };
    case "revoked": {
      const reason = fields.text("reason");
      return { t, lease: lease(), reason: REVOKE_REASONS.find((known) => known === reason) ?? "unknown" };
    }
    case "error": {
      const code = fields.text("code");
      return { t, seq: seq(), code: isProblemCode(code) ? code : "bad_message", message: fields.text("message") };
    }
    default:
      return null;
  }
}

function isProblemCode(code: string): code is ProblemCode {
  return Object.hasOwn(PROBLEMS, code);
}

/** The shape only; whether the router wants such an instance is decided by registry/admission.ts. */
function parseInstance(fields: Fields): RegistrationFields {
  const role = fields.text("role").toLowerCase();
  return {
    role: ROLES.find((known) => known === role) ?? fields.refuse(`invalid role: ${role}`, "mixed"),
    host_ip: fields.text("host_ip"),
    port: fields.integer("port", 1, 65535),
    metrics_port: fields.optionalInteger("metrics_port", 1, 65535),
    connector_port: fields.optionalFigure("connector_port"),
    engine_worker_queue_port: fields.optionalFigure("engine_worker_queue_port"),
    transfer_protocol: fields.optionalTextList("transfer_protocol"),
    rdma_ports: fields.optionalTextList("rdma_ports"),
    device_ids: fields.optionalTextList("device_ids"),
    tp_size: fields.optionalInteger("tp_size", 0, 65536),
    version: fields.optionalText("version"),
    weight: fields.optionalNumber("weight", 0.01, 100),
    model: fields.optionalText("model"),
    max_in_flight: fields.optionalInteger("max_in_flight", 1, MAX_REQUESTS),
    boot_id: fields.optionalText("boot_id"),
  };
}

function needSeq(fields: Fields): number {
  return fields.integer("seq", 1, UINT32_MAX);
}

function parsed<T>(fields: Fields, seq: number, message: T): Parsed<T> {
  const { problem } = fields;
  return problem === null ? { ok: true, message } : { ok: false, seq, code: "bad_message", problem };
}
