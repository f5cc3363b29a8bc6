/** Agents on the registration port: registers instances over a few connections, then reports their load at a steady rate. */
import type { Socket } from "bun";
import { encodeFrame, FrameDecoder } from "../../src/registration/frames.ts";
import { type ClientMessage, parseRouterMessage, PROTOCOL_VERSION } from "../../src/registration/messages.ts";
import { clockNs } from "./clock.ts";

export interface ReportLoad {
  readonly port: number;
  readonly instances: readonly (readonly [host: string, port: number])[];
  readonly connections: number;
  readonly perSecond: number;
  readonly durationMs: number;
  /** All are registered, reports begin. */
  readonly onBegin: () => void;
}

export interface ReportsSent {
  readonly registerMs: number;
  readonly reports: number;
  readonly seconds: number;
  /** Messages that the router answered with an error. */
  readonly refused: number;
}

const TICK_MS = 10;
const REGISTER_LIMIT_MS = 60_000;

export async function sendReports(load: ReportLoad): Promise<ReportsSent> {
  const startedAt = clockNs();
  const agents = await Promise.all(Array.from({ length: load.connections }, () => Agent.connect(load.port)));
  for (const [i, [host_ip, port]] of load.instances.entries()) {
    agents[i % agents.length]?.say({ t: "register", seq: i + 1, instance: { role: "mixed", host_ip, port } });
  }
  const answered = (): number => agents.reduce((sum, agent) => sum + agent.leases.length + agent.refused, 0);
  while (answered() < load.instances.length) {
    if (clockNs() - startedAt > REGISTER_LIMIT_MS * 1e6)
      throw new Error(`${answered()} of ${load.instances.length} registered within ${REGISTER_LIMIT_MS} ms`);
    await Bun.sleep(TICK_MS);
  }
  const registerMs = (clockNs() - startedAt) / 1e6;
  load.onBegin();
  const from = clockNs();
  let reports = 0;
  for (let passedMs = 0; passedMs < load.durationMs; passedMs = (clockNs() - from) / 1e6) {
    for (const due = (passedMs / 1000) * load.perSecond; reports < due; reports++)
      agents[reports % agents.length]?.report(reports);
    await Bun.sleep(TICK_MS);
  }
  const seconds = (clockNs() - from) / 1e9;
  for (const agent of agents) agent.close();
  return { registerMs, reports, seconds, refused: agents.reduce((sum, agent) => sum + agent.refused, 0) };
}

class Agent {
  readonly leases: number[] = [];
  refused = 0;
  readonly #decoder = new FrameDecoder();
  #socket: Socket | null = null;
  #unsent: Uint8Array[] = [];

  static async connect(port: number): Promise<Agent> {
    const agent = new Agent();
    agent.#socket = await Bun.connect({
      hostname: "127.0.0.1",
      port,
      socket: {
        data: (_, bytes) => agent.#received(bytes),
        drain: () => agent.#drained(),
      },
    });
    agent.say({ t: "hello", version: PROTOCOL_VERSION, agent: "bench" });
    return agent;
  }

  say(message: ClientMessage): void {
    this.#write(encodeFrame(message));
  }

  report(count: number): void {
    const lease = this.leases[count % this.leases.length];
    if (lease === undefined) return;
    this.say({ t: "report", lease, running: count % 64, waiting: count % 3, kv_usage: (count % 100) / 100 });
  }

  close(): void {
    this.#socket?.end();
  }

  #received(bytes: Buffer): void {
    for (const frame of this.#decoder.push(bytes)) {
      const message = frame.kind === "message" ? parseRouterMessage(frame.value) : null;
      if (message?.t === "registered") this.leases.push(message.lease);
      if (message?.t === "error") this.refused++;
    }
  }

  #drained(): void {
    for (const bytes of this.#unsent.splice(0)) this.#write(bytes);
  }

  #write(bytes: Uint8Array): void {
    const written = this.#unsent.length > 0 ? 0 : (this.#socket?.write(bytes) ?? 0);
    if (written < bytes.length) this.#unsent.push(bytes.subarray(Math.max(0, written)));
  }
}
