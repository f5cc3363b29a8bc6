/**
 * From what a server said of itself, by whichever door, to the instance that the registry keeps, or to the reason why not.
 * Checks, their order and their texts are those that engines and log tools know (HTTP 400 bodies of `/register`).
 */
import { type Instance, instanceId, type Role, ROLES } from "../fleet/instance.ts";
import type { RegistrationFields } from "../registration/messages.ts";
import { type AddressRules, canonicalAddress, isLoopback, isUnspecified, refuseAddress } from "./addresses.ts";
import type { Admitted } from "./commands.ts";

/** A registration as read, types settled, values not. Null: not sent. */
export interface Draft {
  readonly role: string | null;
  readonly hostIp: string | null;
  readonly port: string | null;
  readonly metricsPort: string | null;
  readonly connectorPort: string | null;
  readonly engineWorkerQueuePort: string | null;
  readonly transferProtocol: readonly string[] | null;
  readonly rdmaPorts: readonly string[] | null;
  readonly deviceIds: readonly string[] | null;
  readonly tpSize: number;
  readonly version: string | null;
  readonly model: string | null;
  readonly weight: number;
  readonly maxInFlight: number | null;
  readonly bootId: string | null;
}

export interface AdmissionRules {
  readonly splitwise: boolean;
  readonly addresses: AddressRules;
}

export type Admission =
  { readonly ok: true; readonly admitted: Admitted } | { readonly ok: false; readonly problem: string };

/** `peer`: address that the registration came from, null when from a file. */
export function admit(draft: Draft, peer: string | null, rules: AdmissionRules): Admission {
  const problem = malformed(draft, rules.splitwise) ?? notPrintable(draft);
  if (problem !== null) return { ok: false, problem: `invalid InstanceInfo format:${problem}` };
  const instance = toInstance(draft, peer);
  if (rules.splitwise && instance.role === "mixed") {
    return { ok: false, problem: "splitwise mode only supports PREFILL/DECODE instances" };
  }
  if (!rules.splitwise && instance.role !== "mixed") return { ok: false, problem: "only MIXED instances are allowed" };
  const refusal =
    refuseAddress(instance.host, instance.port, rules.addresses) ??
    refuseAddress(instance.host, instance.metricsPort, rules.addresses);
  if (refusal !== null) return { ok: false, problem: `invalid InstanceInfo format:refused host_ip: ${refusal}` };
  return { ok: true, admitted: { instance, bootId: draft.bootId } };
}

export function draftOfFields(fields: RegistrationFields): Draft {
  return {
    role: fields.role,
    hostIp: fields.host_ip,
    port: String(fields.port),
    metricsPort: figure(fields.metrics_port),
    connectorPort: figure(fields.connector_port),
    engineWorkerQueuePort: figure(fields.engine_worker_queue_port),
    transferProtocol: fields.transfer_protocol ?? null,
    rdmaPorts: fields.rdma_ports?.map(String) ?? null,
    deviceIds: fields.device_ids?.map(String) ?? null,
    tpSize: fields.tp_size ?? 0,
    version: fields.version ?? null,
    model: fields.model ?? null,
    weight: fields.weight ?? 1,
    maxInFlight: fields.max_in_flight ?? null,
    bootId: fields.boot_id ?? null,
  };
}

function figure(value: number | string | null | undefined): string | null {
  return value === undefined || value === null ? null : String(value);
}

/** An empty port text counts as not sent. */
function malformed(draft: Draft, splitwise: boolean): string | null {
  if (draft.role === null) return "role is required";
  if (roleOf(draft.role) === null) return `invalid role: ${draft.role}`;
  if (draft.hostIp === null || draft.hostIp === "") return "host_ip is required";
  if (splitHost(draft.hostIp) === null) return `invalid host_ip: ${draft.hostIp}`;
  if (draft.port === null || draft.port === "") return "port is required";
  if (!isPort(draft.port)) return `invalid port: ${draft.port}`;
  if (splitwise && !isPortOrEmpty(draft.connectorPort)) return `invalid connector_port: ${draft.connectorPort}`;
  if (splitwise && !isPortOrEmpty(draft.engineWorkerQueuePort)) {
    return `invalid engine_worker_queue_port: ${draft.engineWorkerQueuePort}`;
  }
  const protocol = draft.transferProtocol?.find((name) => name !== "ipc" && name !== "rdma");
  if (protocol !== undefined) return `invalid protocol: ${protocol}`;
  const badRdma = splitwise ? (draft.rdmaPorts?.findIndex((port) => !isPort(port)) ?? -1) : -1;
  if (badRdma >= 0) return `rdma_ports[${badRdma}] invalid port: ${draft.rdmaPorts?.[badRdma]}`;
  if (!isPortOrEmpty(draft.metricsPort)) return `invalid metrics_port: ${draft.metricsPort}`;
  return null;
}

/** What is kept as text ends up in logs, headers and metrics: bounded, and nothing that could forge a line. */
function notPrintable(draft: Draft): string | null {
  const texts = {
    connector_port: [draft.connectorPort],
    engine_worker_queue_port: [draft.engineWorkerQueuePort],
    rdma_ports: draft.rdmaPorts ?? [],
    device_ids: draft.deviceIds ?? [],
    version: [draft.version],
    model: [draft.model],
    boot_id: [draft.bootId],
  };
  for (const [name, values] of Object.entries(texts)) {
    if (values.length > 256) return `${name} holds more than 256 entries`;
    if (values.some((value) => value !== null && !/^[\x20-\x7e]{0,256}$/.test(value))) {
      return `${name} is longer than 256 characters or cannot be printed`;
    }
  }
  return null;
}

/** Only for a draft that is not malformed. */
function toInstance(draft: Draft, peer: string | null): Instance {
  const { scheme, host: said } = splitHost(draft.hostIp ?? "") ?? { scheme: "http", host: "" };
  const host = reachableHost(said, peer);
  const port = Number(draft.port);
  return Object.freeze({
    id: instanceId(scheme, host, port),
    role: roleOf(draft.role ?? "") ?? "mixed",
    scheme,
    host,
    port,
    metricsPort: Number(draft.metricsPort === null || draft.metricsPort === "" ? port : draft.metricsPort),
    model: draft.model,
    weight: draft.weight,
    maxInFlight: draft.maxInFlight,
    connectorPort: draft.connectorPort,
    engineWorkerQueuePort: draft.engineWorkerQueuePort,
    transferProtocol: draft.transferProtocol,
    rdmaPorts: draft.rdmaPorts,
    deviceIds: draft.deviceIds,
    tpSize: draft.tpSize,
    version: draft.version,
  });
}

/**
 * Engines name what their hosts file says of them, which on Debian-like systems and in containers is a loopback address. When the
 * registration itself came from elsewhere, that elsewhere is the server.
 */
function reachableHost(said: string, peer: string | null): string {
  if (!isLoopback(said) && !isUnspecified(said)) return said;
  const from = peer === null ? null : canonicalAddress(peer);
  return from === null || isLoopback(from) || isUnspecified(from) ? said : from;
}

function splitHost(text: string): { readonly scheme: "http" | "https"; readonly host: string } | null {
  const scheme = text.startsWith("https://") ? "https" : "http";
  const host = canonicalAddress(text.replace(/^https?:\/\//, ""));
  return host === null ? null : { scheme, host };
}

function roleOf(text: string): Role | null {
  return ROLES.find((role) => role === text.toLowerCase()) ?? null;
}

function isPort(text: string): boolean {
  return /^\d{1,8}$/.test(text) && Number(text) >= 1 && Number(text) <= 65535;
}

function isPortOrEmpty(text: string | null): boolean {
  return text === null || text === "" || isPort(text);
}
