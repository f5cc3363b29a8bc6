/**
 * The fleet on disk, so that a restarted router serves at once and engines that register only once are not lost. Written whole to a
 * neighbour file and renamed. What is loaded is trusted as little as any registration: it passes admission.ts again.
 */
import { rename } from "node:fs/promises";
import type { Draft } from "./admission.ts";
import { parseRegistration } from "./http-registration.ts";
import { type Entry, isListed } from "./entry.ts";

export interface SavedEntry {
  readonly draft: Draft;
  readonly drained: boolean;
}

export function formatTable(entries: Iterable<Entry>): string {
  const instances = [...entries].filter(isListed).map((entry) => ({
    drained: entry.drained,
    registration: registrationOf(entry),
    boot_id: entry.bootId,
  }));
  return `${JSON.stringify({ format: 1, instances }, null, 1)}\n`;
}

export async function writeTable(path: string, text: string): Promise<void> {
  const neighbour = `${path}.new`;
  await Bun.write(neighbour, text);
  await rename(neighbour, path);
}

/** Empty when there is no such file yet. Throws when there is one that cannot be used. */
export async function readTable(path: string): Promise<readonly SavedEntry[]> {
  const file = Bun.file(path);
  if (!(await file.exists())) return [];
  const table: unknown = JSON.parse(await file.text());
  if (!isRecord(table) || table["format"] !== 1 || !Array.isArray(table["instances"])) {
    throw new Error(`cannot use saved table ${path}: format 1 with a list of instances is wanted`);
  }
  return table["instances"].flatMap((item: unknown) => {
    if (!isRecord(item)) return [];
    const parsed = parseRegistration(new TextEncoder().encode(JSON.stringify(item["registration"] ?? null)));
    if (!parsed.ok) return [];
    const bootId = typeof item["boot_id"] === "string" ? item["boot_id"] : null;
    return [{ draft: { ...parsed.draft, bootId }, drained: item["drained"] === true }];
  });
}

/** As `POST /register` would take it. */
function registrationOf({ instance }: Entry): object {
  return {
    role: instance.role,
    host_ip: instance.scheme === "https" ? `https://${instance.host}` : instance.host,
    port: instance.port,
    metrics_port: instance.metricsPort,
    ...(instance.connectorPort !== null && { connector_port: instance.connectorPort }),
    ...(instance.engineWorkerQueuePort !== null && { engine_worker_queue_port: instance.engineWorkerQueuePort }),
    ...(instance.transferProtocol !== null && { transfer_protocol: instance.transferProtocol }),
    ...(instance.rdmaPorts !== null && { rdma_ports: instance.rdmaPorts }),
    ...(instance.deviceIds !== null && { device_ids: instance.deviceIds }),
    tp_size: instance.tpSize,
    version: instance.version,
    model: instance.model,
    weight: instance.weight,
    max_in_flight: instance.maxInFlight,
  };
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
