/** Instances and fronts of one test; `stopAll` after each. */
import type { ProxyOptions } from "../../../src/proxy/options.ts";
import { answerText, RawServer, type RawScript } from "../../upstream/support/raw-server.ts";
import { Front } from "./front.ts";

const started: { stop(): void | Promise<void> }[] = [];

export async function stopAll(): Promise<void> {
  for (const each of started.splice(0)) await each.stop();
}

export function instance(script: RawScript): RawServer {
  const server = new RawServer(script);
  started.push(server);
  return server;
}

export function front(servers: readonly (RawServer | number)[], proxy: Partial<ProxyOptions> = {}): Front {
  const ports = servers.map((server) => (typeof server === "number" ? server : server.port));
  const created = new Front(ports, { proxy });
  started.push(created);
  return created;
}

/** Nobody listens there. */
export function closedPort(): number {
  const server = new RawServer(() => undefined);
  const { port } = server;
  server.stop();
  return port;
}

export const good: RawScript = (peer) => peer.write(answerText('{"ok":true}'));
