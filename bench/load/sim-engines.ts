#!/usr/bin/env bun
/**
 * The simulator's engines in real time: each address 127.1.x.y that a request names in its Host is one of them. For suites/replay.ts, as a
 * process of its own: `bun bench/load/sim-engines.ts PORT SHAPE`. `GET /arrived` tells of all requests that came.
 */
import { EventQueue } from "../sim/event-queue.ts";
import { type EngineShape, type FirstToken, SimulatedEngine } from "../sim/engine.ts";

/** A body has this many bytes for each token of its prompt: the router's own first estimate. */
export const BYTES_PER_TOKEN = 4;

/** A request as its engine saw it. */
interface Arrived {
  /** Since the first request of all. */
  readonly atMs: number;
  readonly promptTokens: number;
  readonly outputTokens: number;
  /** Null as long as it has none. */
  first: { readonly queuedMs: number; readonly ttftMs: number } | null;
}

const [port = "0", shapeText = "{}"] = process.argv.slice(2);

if (import.meta.main) serve(Number(port), JSON.parse(shapeText));

function serve(listenPort: number, shape: EngineShape): void {
  const events = new EventQueue();
  const engines = new Map<string, SimulatedEngine>();
  const arrived: Arrived[] = [];
  let firstAt: number | null = null;
  setInterval(() => events.runUntil(performance.now()), 1);

  const engineOf = (host: string): SimulatedEngine => {
    let engine = engines.get(host);
    if (engine === undefined) {
      engine = new SimulatedEngine(events, shape);
      engines.set(host, engine);
    }
    return engine;
  };

  const complete = async (request: Request): Promise<Response> => {
    const body = Buffer.from(await request.bytes());
    const promptTokens = Math.round(body.length / BYTES_PER_TOKEN);
    const outputTokens = Number(
      /"max_tokens":(\d+)/.exec(body.toString("latin1", Math.max(0, body.length - 200)))?.[1],
    );
    const usage = `{"prompt_tokens":${promptTokens},"completion_tokens":${outputTokens}}`;
    const { promise, resolve } = Promise.withResolvers<Response>();
    let end = (): void => {};
    let hasLeft = false;
    const arrivedAt = performance.now();
    firstAt ??= arrivedAt;
    const told: Arrived = { atMs: arrivedAt - firstAt, promptTokens, outputTokens, first: null };
    arrived.push(told);
    const job = {
      promptTokens,
      outputTokens,
      onFirstToken: (at: number, { queuedMs }: FirstToken) => {
        told.first = { queuedMs, ttftMs: at - arrivedAt };
        const stream = new ReadableStream({
          cancel() {
            hasLeft = true;
          },
          start(controller) {
            controller.enqueue(Buffer.from('data: {"choices":[{"index":0,"delta":{"content":"a"}}]}\n\n'));
            end = () => {
              if (hasLeft) return;
              controller.enqueue(Buffer.from(`data: {"choices":[],"usage":${usage}}\n\ndata: [DONE]\n\n`));
              controller.close();
            };
          },
        });
        resolve(new Response(stream, { headers: { "content-type": "text/event-stream" } }));
      },
      onEnd: () => end(),
    };
    engineOf(request.headers.get("host") ?? "").submit(job, arrivedAt);
    return promise;
  };

  Bun.serve({
    hostname: "0.0.0.0",
    port: listenPort,
    idleTimeout: 0,
    development: false,
    fetch(request) {
      if (request.method === "POST") return complete(request);
      return request.url.endsWith("/arrived") ? Response.json(arrived) : new Response("ok");
    },
  });
  console.log("ready");
}
