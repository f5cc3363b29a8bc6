/** `GET /v1/models`: the union of what the instances serve, asked of all and kept for a while. */
import type { Instance } from "../fleet/instance.ts";
import type { FleetSnapshot } from "../fleet/snapshot.ts";
import { originOf } from "../proxy/forward.ts";
import type { UpstreamClient } from "../upstream/client.ts";
import { hostField } from "../upstream/origin.ts";

interface Model {
  readonly id: string;
}

const KEEP_MS = 10_000;
const ASK_TIMEOUT_MS = 3000;
/** Instances asked at once. */
const CONCURRENCY = 32;
const MAX_ANSWER_BYTES = 1024 * 1024;

export class ModelList {
  readonly #upstream: UpstreamClient;
  readonly #now: () => number;
  #kept: { readonly version: number; readonly until: number; readonly body: Promise<string> } | null = null;

  constructor(upstream: UpstreamClient, now: () => number) {
    this.#upstream = upstream;
    this.#now = now;
  }

  /** The JSON body of the answer. */
  body(snapshot: FleetSnapshot): Promise<string> {
    const kept = this.#kept;
    if (kept !== null && kept.version === snapshot.version && this.#now() < kept.until) return kept.body;
    const body = this.#ask(snapshot);
    this.#kept = { version: snapshot.version, until: this.#now() + KEEP_MS, body };
    return body;
  }

  async #ask(snapshot: FleetSnapshot): Promise<string> {
    const waiting = snapshot.members.filter(({ state }) => state === "ready").map(({ instance }) => instance);
    const models = new Map<string, Model>();
    const askNext = async (): Promise<void> => {
      for (let instance = waiting.pop(); instance !== undefined; instance = waiting.pop()) {
        for (const model of await this.#modelsOf(instance)) if (!models.has(model.id)) models.set(model.id, model);
      }
    };
    await Promise.all(Array.from({ length: CONCURRENCY }, askNext));
    const data = [...models.values()].toSorted((a, b) => (a.id < b.id ? -1 : 1));
    return JSON.stringify({ object: "list", data });
  }

  /** Empty when the instance does not answer as it should. */
  async #modelsOf(instance: Instance): Promise<readonly Model[]> {
    const { promise, resolve } = Promise.withResolvers<Buffer>();
    const parts: Uint8Array[] = [];
    let bytes = 0;
    const none = (): void => resolve(Buffer.alloc(0));
    const origin = originOf(instance);
    const head = `GET /v1/models HTTP/1.1\r\nhost: ${hostField(origin)}\r\naccept: application/json\r\n\r\n`;
    const exchange = this.#upstream.send(
      { origin, head, body: new Uint8Array(0) },
      {
        onHead: ({ status }) => {
          if (status !== 200) none();
        },
        onData: (part, start, end) => {
          bytes += end - start;
          if (bytes <= MAX_ANSWER_BYTES) parts.push(part.subarray(start, end));
        },
        onReadEnd: () => undefined,
        onEnd: () => resolve(Buffer.concat(parts)),
        onFailure: none,
      },
    );
    const timer = setTimeout(none, ASK_TIMEOUT_MS);
    const answer = await promise;
    clearTimeout(timer);
    exchange.abort();
    return readModels(answer);
  }
}

function readModels(answer: Buffer): readonly Model[] {
  try {
    const value: unknown = JSON.parse(answer.toString());
    if (typeof value !== "object" || value === null || !("data" in value) || !Array.isArray(value.data)) return [];
    return value.data.filter(isModel);
  } catch {
    return []; // An instance that answers no JSON lists no models.
  }
}

function isModel(value: unknown): value is Model {
  return typeof value === "object" && value !== null && "id" in value && typeof value.id === "string";
}
