/**
 * An instance is one FastDeploy API server: the noun that registry, scheduler and proxy share.
 * Its identity is its base URL in canonical form (IPv6 in brackets).
 */

export type Role = "mixed" | "prefill" | "decode";
export const ROLES: readonly Role[] = ["mixed", "prefill", "decode"];

declare const instanceIdBrand: unique symbol;
/** Canonical base URL without a trailing slash: `http://10.0.0.1:8000`, `http://[::1]:8000`. */
export type InstanceId = string & { readonly [instanceIdBrand]: true };

const CANONICAL = /^https?:\/\/(?:[a-zA-Z0-9._-]+|\[[0-9a-f:]+\]):[1-9]\d{0,4}$/;

function isInstanceId(text: string): text is InstanceId {
  return CANONICAL.test(text);
}

/** `host` without brackets, in canonical form. */
export function instanceId(scheme: "http" | "https", host: string, port: number): InstanceId {
  const text = `${scheme}://${host.includes(":") ? `[${host}]` : host}:${port}`;
  if (!isInstanceId(text)) throw new Error(`cannot make an instance id of "${text}": scheme, host and port are wanted`);
  return text;
}

/** What a server said of itself when it registered; frozen, replaced as a whole. */
export interface Instance {
  readonly id: InstanceId;
  readonly role: Role;
  readonly scheme: "http" | "https";
  /** IP literal or name, without brackets. */
  readonly host: string;
  readonly port: number;
  /** Where `/metrics` is served; equals `port` when not given. */
  readonly metricsPort: number;
  /** Model name for filtering; null serves every model. */
  readonly model: string | null;
  /** Relative capacity; load is divided by it. 1 for an ordinary server. */
  readonly weight: number;
  /** Requests the router sends at once at most; null has no limit. */
  readonly maxInFlight: number | null;
  /** PD fields as registered, kept for `disaggregate_info` and `/registered`; null where never sent. */
  readonly connectorPort: string | null;
  readonly engineWorkerQueuePort: string | null;
  readonly transferProtocol: readonly string[] | null;
  readonly rdmaPorts: readonly string[] | null;
  readonly deviceIds: readonly string[] | null;
  /** 0 when not sent: derived from device ids. */
  readonly tpSize: number;
  /** Weight version label of newer engines (`/decode_instances?version=`). */
  readonly version: string | null;
}
