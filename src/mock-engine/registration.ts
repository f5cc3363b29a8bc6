/** Keeps a running mock registered, over HTTP as FastDeploy does, over msgpack, or both. Started by the command. */
import { appendFileSync, mkdirSync } from "node:fs";
import { createRegistrationClient, type RegisteredInstance } from "../registration/client.ts";
import type { RegistrationFields } from "../registration/messages.ts";
import type { Address } from "./flags.ts";
import type { MockEngine } from "./mock-engine.ts";
import type { MockServer } from "./mock-server.ts";
import type { MockEngineOptions } from "./options.ts";
import {
  HttpRegistrar,
  ownHostIp,
  pauseAfterBeatMs,
  registerPayload,
  type Log,
  type OwnAddress,
} from "./register-http.ts";

/** A router that does not answer a goodbye is not waited for. */
const LEAVE_MS = 1000;

export interface Registrations {
  /** Over msgpack: asks the router to send nothing more, waits until it has nothing left here, and leaves. HTTP has no such words. */
  drain(deadlineMs: number): Promise<void>;
  stop(): void;
}

export async function startRegistrations(
  engine: MockEngine,
  options: MockEngineOptions,
  log: Log = fileLog(options.logDir),
): Promise<Registrations> {
  const { port, metricsPort, connectorPort } = engine;
  const own = { hostIp: await ownHostIp(options), port, metricsPort, connectorPort };
  const stopHttp = options.router === null ? null : keepRegistering(options.router, engine.server, own, log);
  const msgpack = options.registration === null ? null : registerMsgpack(options.registration, engine.server, own, log);
  return {
    drain: async (deadlineMs) => msgpack?.drain(deadlineMs),
    stop: () => {
      stopHttp?.();
      msgpack?.stop();
    },
  };
}

/** Returns what ends it. */
function keepRegistering(router: string, server: MockServer, own: OwnAddress, log: Log): () => void {
  const { options } = server;
  const payload = (): Record<string, unknown> => registerPayload(options, own, server.paused);
  const registrar = new HttpRegistrar(router, own, { payload, log });
  let stopped = false;
  let timer: ReturnType<typeof setTimeout> | null = null;
  const round = async (): Promise<void> => {
    await registrar.beat();
    const pauseMs = pauseAfterBeatMs(options, registrar.registered);
    if (!stopped && pauseMs !== null) timer = setTimeout(() => void round(), pauseMs);
  };
  void round();
  return () => {
    stopped = true;
    if (timer !== null) clearTimeout(timer);
  };
}

function registerMsgpack(address: Address, server: MockServer, own: OwnAddress, log: Log): Registrations {
  const { options } = server;
  let connected = false;
  let instance: RegisteredInstance | null = null;
  const client = createRegistrationClient({
    ...address,
    token: options.registrationToken ?? undefined,
    onEvent: (event) => {
      if (event.kind === "connected") connected = true;
      if (event.kind === "disconnected") connected = false;
      log(`registration ${JSON.stringify(event)}`);
    },
  });
  const report = loadReporter(server, () => instance);
  server.onLoadChange = report;
  client.register(msgpackFields(options, own)).then(
    (registered) => {
      instance = registered;
      report();
    },
    (error: unknown) => log(`registration ended: ${String(error)}`),
  );
  return {
    drain: async (deadlineMs) => {
      if (!connected || instance === null) return;
      await instance.drain(deadlineMs).catch(() => log(`router still has requests here after ${deadlineMs} ms`));
      await Promise.race([instance.leave(), Bun.sleep(LEAVE_MS)]);
    },
    stop: () => client.close(),
  };
}

export function msgpackFields(options: MockEngineOptions, own: OwnAddress): RegistrationFields {
  return {
    role: options.role,
    host_ip: own.hostIp,
    port: own.port,
    metrics_port: own.metricsPort,
    connector_port: own.connectorPort,
    engine_worker_queue_port: options.engineWorkerQueuePort,
    transfer_protocol: options.transferProtocol,
    rdma_ports: options.rdmaPorts,
    device_ids: options.deviceIds,
    tp_size: options.tensorParallelSize,
    weight: options.weight,
    model: options.servedModelName ?? options.model,
    boot_id: `${process.pid}-${Math.round(performance.timeOrigin)}`,
  };
}

/** Reports when a figure has changed. Unlike the metrics, `waiting` holds the deep queue too: an agent beside the engine can see it. */
function loadReporter(server: MockServer, instance: () => RegisteredInstance | null): () => void {
  let last = "";
  return () => {
    const { engine } = server;
    const load = {
      running: engine.running,
      waiting: engine.waiting + engine.queued,
      kvUsage: Math.round((1 - engine.pool.available / engine.pool.total) * 100) / 100,
    };
    const registered = instance();
    const key = `${load.running} ${load.waiting} ${load.kvUsage}`;
    if (registered === null || key === last) return;
    last = key;
    registered.report(load);
  };
}

/** The real server logs to a file; people who try the mock look at the terminal. */
function fileLog(dir: string | null): Log {
  if (dir !== null) mkdirSync(dir, { recursive: true });
  return (line) => {
    process.stderr.write(`mock-engine: ${line}\n`);
    if (dir !== null) appendFileSync(`${dir}/api_server.log`, `${new Date().toISOString()} ${line}\n`);
  };
}
