/**
 * The HTTP door: what engines, operators and scripts ask of the fleet over the router's own port. Answers are byte for byte those of
 * the Go router. A worker thread received the request; service.ts hands it in.
 */
import type { ControlReply, ControlRequest } from "../fleet/control.ts";
import type { Instance, InstanceId, Role } from "../fleet/instance.ts";
import type { Admission, Draft } from "./admission.ts";
import type { RegistryCommand } from "./commands.ts";
import { parseRegistration } from "./http-registration.ts";
import type { RegistryLog } from "./log.ts";
import { type Entry, isListed } from "./entry.ts";
import type { Answer } from "./state.ts";

export interface HttpDoorDeps {
  readonly apply: (command: RegistryCommand) => Answer;
  readonly admit: (draft: Draft, peer: string) => Promise<Admission>;
  /** Resolves once it is decided whether a joining instance is in. */
  readonly joined: (id: InstanceId) => Promise<boolean>;
  readonly entries: () => Iterable<Entry>;
  readonly isHealthy: (id: InstanceId) => Promise<boolean>;
  readonly log: RegistryLog;
}

const MAX_BODY_BYTES = 1024 * 1024;
const PROBE_BATCH = 32;

export class HttpDoor {
  readonly #deps: HttpDoorDeps;
  /** Several callers at once share one round of probes. */
  #round: Promise<void> | null = null;

  constructor(deps: HttpDoorDeps) {
    this.#deps = deps;
  }

  async handle(request: ControlRequest): Promise<ControlReply> {
    switch (`${request.method} ${request.path}`) {
      case "POST /register":
      case "POST //register": // `--router` given with a trailing slash
        return this.#register(request);
      case "GET /registered":
        return this.#registered();
      case "GET /registered_number": {
        const { decode, mixed, prefill } = this.#byRole((instance) => instance.id);
        return json(200, { decode: decode.length, mixed: mixed.length, prefill: prefill.length });
      }
      case "GET /decode_instances":
        return json(200, this.#decodeInstances(new URLSearchParams(request.query).get("version")));
      case "GET /health_generate":
        this.#round ??= this.#probeAll().finally(() => (this.#round = null));
        await this.#round;
        return json(200, { code: 200, msg: "Health check complete" });
      default:
        return { status: 404, contentType: "text/plain", body: "404 page not found" };
    }
  }

  /** Keys in the order of the alphabet, like all that the Go router's management routes answer. */
  #registered(): ControlReply {
    const { decode, mixed, prefill } = this.#byRole(describe);
    return json(200, { code: 200, decode, mixed, msg: "success", prefill });
  }

  async #register(request: ControlRequest): Promise<ControlReply> {
    const { log } = this.#deps;
    if (request.body.length > MAX_BODY_BYTES) {
      log.error("Failed to read register request body: http: request body too large");
      return message(400, "Invalid request body: http: request body too large");
    }
    const parsed = parseRegistration(request.body);
    if (!parsed.ok) {
      log.error(`Failed to unmarshal register request JSON: ${printable(parsed.problem)}`);
      return message(400, `Invalid InstanceInfo JSON format: ${parsed.problem}`);
    }
    const admission = await this.#deps.admit(parsed.draft, request.peer);
    if (!admission.ok) return this.#refuse(400, admission.problem);
    const answer = this.#deps.apply({ kind: "register", admitted: admission.admitted, door: { kind: "http" } });
    if (!answer.ok) return this.#refuse(503, answer.message);
    const { id } = admission.admitted.instance;
    const pending = answer.entry !== null && !isListed(answer.entry);
    if (pending && !(await this.#deps.joined(id))) return this.#refuse(503, `${id} service is not healthy`);
    return message(200, "Register success");
  }

  #refuse(status: number, problem: string): ControlReply {
    this.#deps.log.error(`Failed to register instance: ${printable(problem)}`);
    return message(status, problem);
  }

  #byRole<T>(describeOne: (instance: Instance) => T): Readonly<Record<Role, T[]>> {
    const lists: Record<Role, T[]> = { decode: [], mixed: [], prefill: [] };
    for (const instance of this.#listed()) lists[instance.role].push(describeOne(instance));
    return lists;
  }

  #decodeInstances(version: string | null): readonly object[] {
    const wanted = (instance: Instance): boolean =>
      instance.role === "decode" && (version === null || version === "" || instance.version === version);
    return this.#listed().filter(wanted).map(describeForEngines);
  }

  async #probeAll(): Promise<void> {
    const ids = this.#listed().map((instance) => instance.id);
    for (let from = 0; from < ids.length; from += PROBE_BATCH) {
      await Promise.all(ids.slice(from, from + PROBE_BATCH).map((id) => this.#probeOne(id)));
    }
  }

  async #probeOne(id: InstanceId): Promise<void> {
    if (await this.#deps.isHealthy(id)) this.#deps.log.info(`Server ${id} is healthy`);
    else this.#deps.log.warn(`Server ${id} is not healthy`);
  }

  /** Sorted, so that two listings of the same fleet are the same text. */
  #listed(): readonly Instance[] {
    const instances = [...this.#deps.entries()].filter(isListed).map((entry) => entry.instance);
    return instances.toSorted((a, b) => (a.id < b.id ? -1 : 1));
  }
}

function describe(instance: Instance): object {
  return {
    url: instance.id,
    worker_type: instance.role,
    connector_port: instance.connectorPort ?? "",
    engine_worker_queue_port: instance.engineWorkerQueuePort ?? "",
    transfer_protocol: instance.transferProtocol,
    rdma_ports: instance.rdmaPorts,
    device_ids: instance.deviceIds,
    metrics_port: String(instance.metricsPort),
    tp_size: instance.tpSize,
  };
}

/** As the Python router lists them for prefill engines: role in capitals, ports as strings. */
function describeForEngines(instance: Instance): object {
  return {
    role: instance.role.toUpperCase(),
    host_ip: instance.host,
    port: String(instance.port),
    metrics_port: String(instance.metricsPort),
    connector_port: instance.connectorPort,
    engine_worker_queue_port: instance.engineWorkerQueuePort,
    transfer_protocol: instance.transferProtocol ?? [],
    rdma_ports: instance.rdmaPorts ?? [],
    device_ids: instance.deviceIds ?? [],
    tp_size: instance.tpSize,
    version: instance.version,
  };
}

function message(status: number, msg: string): ControlReply {
  return json(status, { code: status, msg });
}

/** With the escapes of Go's encoder. */
function json(status: number, value: object): ControlReply {
  const body = JSON.stringify(value).replace(/[<>&\u2028\u2029]/g, escaped);
  return { status, contentType: "application/json; charset=utf-8", body };
}

/** A peer's own words must not forge lines or colours in the log, nor fill it. */
function printable(text: string): string {
  const safe = text.replace(/[^\x20-\x7e\u00a1-\u2027\u202a-\uffff]/g, escaped);
  return safe.length > 512 ? `${safe.slice(0, 512)}...` : safe;
}

function escaped(char: string): string {
  return `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
