/** Asks a server how it is: its health, and the load figures of its /metrics. Called on the supervisor's clock. */
import { sumSamples } from "../lib/prometheus-text.ts";

/** Where a server is reached from this host. */
export interface Target {
  /** Without brackets. */
  readonly host: string;
  readonly port: number;
  readonly metricsPort: number;
}

export interface EngineLoad {
  readonly running: number;
  readonly waiting: number;
  /** KV-cache use, 0..1. */
  readonly kvUsage: number;
  /** Tokens generated since the server started. */
  readonly generatedTokens: number;
}

/** True for a 200, as FastDeploy answers when it serves. */
export async function probeHealth(server: Target, path: string, timeoutMs: number): Promise<boolean> {
  try {
    const response = await ask(server.host, server.port, path, timeoutMs);
    await response.body?.cancel();
    return response.status === 200;
  } catch {
    return false; // refused while it loads, or a clock ran out
  }
}

/** Null when there are no figures: that must never read as idle. */
export async function scrapeLoad(server: Target, timeoutMs: number): Promise<EngineLoad | null> {
  try {
    const response = await ask(server.host, server.metricsPort, "/metrics", timeoutMs);
    return response.status === 200 ? parseLoad(await response.text()) : null;
  } catch {
    return null;
  }
}

/** Null unless the two counts of requests are there. Samples with labels are added up. */
export function parseLoad(text: string): EngineLoad | null {
  const sums = sumSamples(text);
  const running = sums.get("fastdeploy:num_requests_running");
  const waiting = sums.get("fastdeploy:num_requests_waiting");
  if (running === undefined || waiting === undefined || running < 0 || waiting < 0) return null;
  const kvUsage = Math.min(Math.max(sums.get("fastdeploy:gpu_cache_usage_perc") ?? 0, 0), 1);
  return { running, waiting, kvUsage, generatedTokens: sums.get("fastdeploy:generation_tokens_total") ?? 0 };
}

function ask(host: string, port: number, path: string, timeoutMs: number): Promise<Response> {
  const address = host.includes(":") ? `[${host}]` : host;
  // A connection of its own each time: a pooled one of a server that died would only tell of the dead one.
  return fetch(`http://${address}:${port}${path}`, {
    keepalive: false,
    proxy: false, // http_proxy of the environment is not for servers on this host
    redirect: "manual",
    signal: AbortSignal.timeout(timeoutMs),
  });
}
