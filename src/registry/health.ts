/**
 * Probes instances: a GET of their health path, healthy when the answer is exactly 200. Each instance is probed by one probe at a
 * time, so rounds cannot overlap; those in service go before those that want in. service.ts turns results into commands.
 */
import type { InstanceId } from "../fleet/instance.ts";

/** Null: healthy. Otherwise what went wrong; empty when it was the status alone. */
export type Probe = (url: string, timeoutMs: number) => Promise<string | null>;

export type Lane = "in-service" | "waiting";

/** Far below the 256 requests that fetch runs at once in one process; the rest is for whoever else uses it. */
const MAX_CONCURRENT: Readonly<Record<Lane, number>> = { "in-service": 48, waiting: 16 };

export interface ProbeJob {
  readonly id: InstanceId;
  readonly lane: Lane;
  /** Called when the probe starts; what it returns is called with the result. */
  readonly begin: () => (problem: string | null) => void;
}

export class Prober {
  readonly #probe: Probe;
  #path: string;
  #timeoutMs: number;
  readonly #queued: Record<Lane, ProbeJob[]> = { "in-service": [], waiting: [] };
  readonly #running: Record<Lane, number> = { "in-service": 0, waiting: 0 };
  /** Queued or running. */
  readonly #busy = new Set<InstanceId>();
  /** Asked for again while running: what the running one finds may be too old. */
  readonly #again = new Map<InstanceId, ProbeJob>();
  #stopped = false;

  constructor(probe: Probe, path: string, timeoutMs: number) {
    this.#probe = probe;
    this.#path = path;
    this.#timeoutMs = timeoutMs;
  }

  /** For probes that begin from now on. */
  configure(path: string, timeoutMs: number): void {
    this.#path = path;
    this.#timeoutMs = timeoutMs;
  }

  /** `again`: if a probe is under way, follow it with another one. */
  request(job: ProbeJob, again: boolean): void {
    if (this.#stopped) return;
    if (this.#busy.has(job.id)) {
      if (again) this.#again.set(job.id, job);
      return;
    }
    this.#busy.add(job.id);
    this.#queued[job.lane].push(job);
    this.#startNext(job.lane);
  }

  /** One probe outside of the order, whose result changes nothing (`/health_generate`). A probe that throws is a failed probe. */
  async ask(id: InstanceId): Promise<string | null> {
    try {
      return await this.#probe(id + this.#path, this.#timeoutMs);
    } catch (error) {
      return error instanceof Error ? error.message : "probe failed";
    }
  }

  stop(): void {
    this.#stopped = true;
    this.#queued["in-service"] = [];
    this.#queued.waiting = [];
    this.#again.clear();
  }

  #startNext(lane: Lane): void {
    while (this.#running[lane] < MAX_CONCURRENT[lane]) {
      const job = this.#queued[lane].shift();
      if (job === undefined) return;
      this.#running[lane]++;
      void this.#run(job);
    }
  }

  async #run(job: ProbeJob): Promise<void> {
    const done = job.begin();
    const problem = await this.ask(job.id);
    this.#running[job.lane]--;
    this.#busy.delete(job.id);
    const again = this.#again.get(job.id);
    this.#again.delete(job.id);
    if (this.#stopped) return;
    done(problem);
    if (again !== undefined) this.request(again, false);
    this.#startNext(job.lane);
  }
}

/** Bytes of a health answer that are read; a longer one is no health answer. */
const MAX_BODY_BYTES = 64 * 1024;

/** The real probe. Redirects are not followed: they could lead anywhere. Proxies of the environment are not used. */
export async function probeOverHttp(url: string, timeoutMs: number): Promise<string | null> {
  let response: Response;
  try {
    response = await fetch(url, {
      redirect: "manual",
      decompress: false,
      keepalive: false, // an idle connection would hold a place in the small pool that fetch has
      proxy: false,
      headers: { connection: "close" },
      signal: AbortSignal.timeout(timeoutMs),
    });
  } catch (error) {
    return `failed to send request to ${url} with error: Get "${url}": ${fetchProblem(error)}`;
  }
  try {
    await drain(response);
  } catch (error) {
    return `failed to read response body: ${fetchProblem(error)}`;
  }
  return response.status === 200 ? null : "";
}

async function drain(response: Response): Promise<void> {
  let bodyBytes = 0;
  for await (const chunk of response.body ?? []) {
    bodyBytes += chunk.length;
    if (bodyBytes > MAX_BODY_BYTES) throw new Error(`longer than ${MAX_BODY_BYTES} bytes`);
  }
}

/** In the words of the Go router where it has some. */
export function fetchProblem(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === "TimeoutError") return "context deadline exceeded";
  const code: unknown = "code" in error ? error.code : null;
  if (code === "ECONNREFUSED") return "connection refused";
  if (code === "ECONNRESET") return "connection closed";
  return typeof code === "string" ? code : error.message;
}
