/**
 * FastDeploy's own way to a router: ask oneself for /health, POST /register, wait, for ever. The same POST is
 * registration and heartbeat; there is no goodbye. mock-engine.ts starts it.
 */
import { lookup } from "node:dns/promises";
import { hostname } from "node:os";
import type { MockEngineOptions } from "./options.ts";

const HEALTH_TIMEOUT_MS = 3000;
const REGISTER_TIMEOUT_MS = 5000;

export interface OwnAddress {
  readonly hostIp: string;
  readonly port: number;
  readonly metricsPort: number;
  readonly connectorPort: number | null;
}

export type Log = (line: string) => void;

/** What is asked of the network; a test puts its own here. */
export type Send = (url: string, init: { method: string; timeoutMs: number; body?: string }) => Promise<SendResult>;

export interface SendResult {
  readonly status: number;
  readonly text: string;
}

/** `host_ip` as the server would find it: its host name's address, unless it listens on one address only. */
export async function ownHostIp(options: MockEngineOptions): Promise<string> {
  if (options.advertiseHost !== null) return options.advertiseHost;
  if (options.host === "localhost") return "127.0.0.1";
  if (options.host !== "0.0.0.0" && options.host !== "::") return options.host;
  try {
    return (await lookup(hostname(), { family: 4 })).address;
  } catch {
    return "127.0.0.1";
  }
}

/** The body of `/register`, in the order of the real one. */
export function registerPayload(options: MockEngineOptions, own: OwnAddress, paused: boolean): Record<string, unknown> {
  const { payloadVersion: version } = options;
  const payload: Record<string, unknown> = { role: options.role, host_ip: own.hostIp, port: own.port };
  if (version !== "2.3") payload["metrics_port"] = own.metricsPort;
  payload["connector_port"] = own.connectorPort;
  payload["rdma_ports"] = options.rdmaPorts;
  payload["engine_worker_queue_port"] = options.engineWorkerQueuePort;
  payload["device_ids"] = options.deviceIds;
  payload["transfer_protocol"] = options.transferProtocol;
  if (version !== "2.3") payload["tp_size"] = options.tensorParallelSize;
  if (version === "dev") Object.assign(payload, { is_paused: paused, version: "v1", connected_decodes: [] });
  return payload;
}

function routerBase(router: string): string {
  return router.startsWith("http://") || router.startsWith("https://") ? router : `http://${router}`;
}

/** Null: no further beat. */
export function pauseAfterBeatMs(options: MockEngineOptions, registered: boolean): number | null {
  return options.registerOnce && registered ? null : options.registerIntervalSecs * 1000;
}

export interface RegistrarDeps {
  /** Built anew for every beat. */
  readonly payload: () => Record<string, unknown>;
  readonly log: Log;
  readonly send?: Send;
}

export class HttpRegistrar {
  readonly #router: string;
  readonly #own: OwnAddress;
  readonly #payload: () => Record<string, unknown>;
  readonly #log: Log;
  readonly #send: Send;
  registered = false;

  constructor(router: string, own: OwnAddress, { payload, log, send = sendByFetch }: RegistrarDeps) {
    this.#router = routerBase(router);
    this.#own = own;
    this.#payload = payload;
    this.#log = log;
    this.#send = send;
  }

  /** One round; the caller waits 5 s before the next. */
  async beat(): Promise<void> {
    try {
      if (!(await this.#healthy())) {
        this.#log("Wait for API service health and then register to router");
        return;
      }
      const body = JSON.stringify(this.#payload());
      const init = { method: "POST", timeoutMs: REGISTER_TIMEOUT_MS, body };
      const { status, text } = await this.#send(`${this.#router}/register`, init);
      if (status >= 400) {
        this.#log(`Send server info to router failed: ${status}, ${text}, ${body}`);
        return;
      }
      if (!this.registered) this.#log("Register to router successfully");
      this.registered = true;
    } catch (error) {
      this.#log(`Unexpected error during router registration: ${String(error)}`);
    }
  }

  async #healthy(): Promise<boolean> {
    const { hostIp, port } = this.#own;
    const host = hostIp.includes(":") ? `[${hostIp}]` : hostIp;
    try {
      const init = { method: "GET", timeoutMs: HEALTH_TIMEOUT_MS };
      return (await this.#send(`http://${host}:${port}/health`, init)).status === 200;
    } catch {
      return false;
    }
  }
}

async function sendByFetch(url: string, init: Parameters<Send>[1]): Promise<SendResult> {
  const response = await fetch(url, {
    method: init.method,
    signal: AbortSignal.timeout(init.timeoutMs),
    keepalive: false,
    ...(init.body === undefined ? {} : { body: init.body, headers: { "content-type": "application/json" } }),
  });
  // A 304 from our own /health has no body; the text of a success is of no use, but must be read to free the connection.
  return { status: response.status, text: await response.text() };
}
