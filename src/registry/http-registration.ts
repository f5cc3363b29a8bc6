/** The JSON body of `POST /register` as a draft, with the type rules and error texts of the Go router. Called by http.ts. */
import type { Draft } from "./admission.ts";
import { GoNumber, GoObject, type GoValue, goKind, parseGoJson } from "../lib/go-json.ts";

export type DraftParsed =
  { readonly ok: true; readonly draft: Draft } | { readonly ok: false; readonly problem: string };

/** Mutable while the members are read: of duplicate keys the last one counts. */
type Values = { -readonly [K in keyof Draft]: Draft[K] };

/** Returns a problem or null. */
type FieldReader = (values: Values, value: GoValue) => string | null;

const EMPTY: Draft = {
  role: null,
  hostIp: null,
  port: null,
  metricsPort: null,
  connectorPort: null,
  engineWorkerQueuePort: null,
  transferProtocol: null,
  rdmaPorts: null,
  deviceIds: null,
  tpSize: 0,
  version: null,
  model: null,
  weight: 1,
  maxInFlight: null,
  bootId: null,
};

/** Names match without regard to case; anything else in the body is ignored. */
const FIELDS: Readonly<Record<string, FieldReader>> = {
  role: readRole,
  host_ip: (values, value) => {
    if (value !== null && typeof value !== "string") return mismatch("host_ip", value, "string");
    values.hostIp = value;
    return null;
  },
  port: figure("port", "port"),
  metrics_port: figure("metrics_port", "metricsPort"),
  connector_port: figure("connector_port", "connectorPort"),
  engine_worker_queue_port: figure("engine_worker_queue_port", "engineWorkerQueuePort"),
  transfer_protocol: readProtocols,
  rdma_ports: list("rdma_ports", "rdmaPorts"),
  device_ids: list("device_ids", "deviceIds"),
  tp_size: readTpSize,
  // Not known to the Go router, which ignored them: a value of another kind is ignored here too.
  version: (values, value) => keep(() => (values.version = textOf(value))),
  model: (values, value) => keep(() => (values.model = textOf(value))),
  weight: (values, value) => keep(() => (values.weight = numberWithin(value, 0.01, 100) ?? 1)),
  max_in_flight: (values, value) => keep(() => (values.maxInFlight = wholeWithin(value, 1, 1_000_000))),
};

export function parseRegistration(body: Uint8Array): DraftParsed {
  const parsed = parseGoJson(body);
  if (!parsed.ok) return parsed;
  if (parsed.value === null) return { ok: true, draft: EMPTY };
  if (!(parsed.value instanceof GoObject)) {
    const problem = `json: cannot unmarshal ${goKind(parsed.value)} into Go value of type manager.InstanceInfo`;
    return { ok: false, problem };
  }
  const values: Values = { ...EMPTY };
  let problem: string | null = null;
  for (const [key, value] of parsed.value.members) {
    const name = key.toLowerCase();
    const read = Object.hasOwn(FIELDS, name) ? FIELDS[name] : undefined;
    const found = read?.(values, value) ?? null;
    problem ??= found;
  }
  return problem === null ? { ok: true, draft: values } : { ok: false, problem };
}

function readRole(values: Values, value: GoValue): string | null {
  if (value instanceof GoNumber && isInteger(value)) {
    const role = { "0": "mixed", "1": "prefill", "2": "decode" }[value.text];
    if (role === undefined) return `invalid role integer: ${value.text}`;
    values.role = role;
    return null;
  }
  if (value !== null && typeof value !== "string") return mismatch("role", value, "string");
  values.role = value;
  return null;
}

function readProtocols(values: Values, value: GoValue): string | null {
  if (value !== null && !Array.isArray(value)) return mismatch("transfer_protocol", value, "[]string");
  const entries: readonly GoValue[] | null = value;
  const wrong = entries?.find((entry) => entry !== null && typeof entry !== "string");
  if (wrong !== undefined && wrong !== null) return mismatch("transfer_protocol", wrong, "string");
  values.transferProtocol = entries?.map((entry) => (typeof entry === "string" ? entry : "")) ?? null;
  return null;
}

function readTpSize(values: Values, value: GoValue): string | null {
  if (value === null) return null;
  if (!(value instanceof GoNumber)) return mismatch("tp_size", value, "int");
  const size = isInteger(value) ? Number(value.text) : Number.NaN;
  if (!Number.isSafeInteger(size)) return mismatch("tp_size", value, "int", ` ${value.text}`);
  values.tpSize = size;
  return null;
}

type FigureField = "port" | "metricsPort" | "connectorPort" | "engineWorkerQueuePort";

/** A whole number or a string; null is the same as not sent. */
function figure(name: string, field: FigureField): FieldReader {
  return (values, value) => {
    if (value instanceof GoNumber && isInteger(value)) values[field] = String(BigInt(value.text));
    else if (value === null || typeof value === "string") values[field] = value;
    else return mismatch(name, value, "string");
    return null;
  };
}

/** Strings and whole numbers, `3.0` included, as strings. */
function list(name: string, field: "rdmaPorts" | "deviceIds"): FieldReader {
  return (values, value) => {
    if (value !== null && !Array.isArray(value)) return mismatch(name, value, "[]interface {}");
    const entries: readonly GoValue[] = value ?? [];
    const texts: string[] = [];
    for (const [index, entry] of entries.entries()) {
      const number = entry instanceof GoNumber ? Number(entry.text) : null;
      if (typeof entry === "string") texts.push(entry);
      else if (number === null) return `element ${index}: type ${goType(entry)} unsupported`;
      else if (!Number.isSafeInteger(number)) return `element ${index}: ${goFloat(number)} not integer`;
      else texts.push(String(number));
    }
    values[field] = texts;
    return null;
  };
}

function mismatch(name: string, value: GoValue, type: string, literal = ""): string {
  return `json: cannot unmarshal ${goKind(value)}${literal} into Go struct field InstanceInfo.${name} of type ${type}`;
}

/** In the range of Go's int, and written without fraction or exponent. */
function isInteger(value: GoNumber): boolean {
  return /^-?\d{1,19}$/.test(value.text) && BigInt.asIntN(64, BigInt(value.text)) === BigInt(value.text);
}

function goType(value: GoValue): string {
  const kind = goKind(value);
  if (kind === "null") return "<nil>";
  if (kind === "array") return "[]interface {}";
  return kind === "object" ? "map[string]interface {}" : kind;
}

/** As `%v` prints a float: the exponent has at least two digits. */
function goFloat(value: number): string {
  const text = Math.abs(value) < 1e-4 && value !== 0 ? value.toExponential() : String(value);
  return text.replace(/e([+-])(\d)$/, "e$10$2");
}

function keep(assign: () => unknown): null {
  assign();
  return null;
}

function textOf(value: GoValue): string | null {
  return typeof value === "string" ? value : null;
}

function numberWithin(value: GoValue, min: number, max: number): number | null {
  const number = value instanceof GoNumber ? Number(value.text) : Number.NaN;
  return number >= min && number <= max ? number : null;
}

function wholeWithin(value: GoValue, min: number, max: number): number | null {
  const number = numberWithin(value, min, max);
  return number !== null && Number.isInteger(number) ? number : null;
}
