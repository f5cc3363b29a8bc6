/** An engine that answers by a script and keeps what it gets byte for byte. Raw TCP: the scripts break the protocol on purpose. */
import { createServer, type Server, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { bytesOf, type Scripts, type Script } from "./corpus.ts";
import { requestLength, unchunkedBody } from "./wire.ts";

export interface EngineRequest {
  readonly head: string;
  readonly body: Buffer;
}

const OK_HEALTH: Scripts = [[{ send: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" }]];
const OK_ANSWER: Scripts = [
  [
    {
      send: 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 23\r\n\r\n{"id":"x","choices":[]}',
    },
  ],
];

export class GoldenEngine {
  name: string;
  /** POST requests, and notes of connections that the router closed early. */
  received: EngineRequest[] = [];
  /** `P1 GET /health HTTP/1.1`. */
  gets: string[] = [];
  answers: Scripts = OK_ANSWER;
  metrics: string | null = null;
  fill: (text: string) => string = (text) => text;
  /** Answers wait until `release` (policy cases). */
  holds = false;
  #health: Scripts = OK_HEALTH;
  #server: Server | null = null;
  #sockets = new Set<Socket>();
  readonly #host: string;
  #port = 0;
  #posts = 0;
  #probes = 0;
  #held = new Map<number, () => void>();
  /** Connections on which the script waits for the router to close. */
  #hanging = new Set<Socket>();

  constructor(name: string, host = "127.0.0.1") {
    this.name = name;
    this.#host = host;
  }

  get port(): number {
    return this.#port;
  }

  set health(scripts: Scripts) {
    this.#health = scripts;
    this.#probes = 0;
  }

  async start(): Promise<void> {
    const server = createServer({ noDelay: true }, (socket) => this.#accept(socket));
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(this.#port, this.#host, resolve);
    });
    const address = server.address();
    if (typeof address === "object" && address !== null) this.#port = address.port;
    this.#server = server;
  }

  stop(): void {
    this.#server?.close();
    this.#server = null;
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Lets all held requests finish. */
  releaseAll(): void {
    this.holds = false;
    for (const go of this.#held.values()) go();
  }

  /** Lets a held request finish, named by its place among the engine's POSTs. */
  release(index: number): void {
    this.#held.get(index)?.();
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket);
    let buffered = Buffer.alloc(0);
    let busy = false;
    const next = async (): Promise<void> => {
      if (busy) return;
      busy = true;
      for (let length = requestLength(buffered); length > 0; length = requestLength(buffered)) {
        const request = buffered.subarray(0, length);
        buffered = buffered.subarray(length);
        if (!(await this.#answer(socket, this.#record(request)))) return;
      }
      busy = false;
    };
    socket.on("data", (chunk: Buffer) => {
      buffered = Buffer.concat([buffered, chunk]);
      void next();
    });
    socket.on("error", () => undefined);
    socket.on("close", () => {
      this.#sockets.delete(socket);
      if (this.#hanging.delete(socket)) {
        this.received.push({ head: "(connection closed by the router)\r\n\r\n", body: Buffer.alloc(0) });
      }
    });
  }

  #record(bytes: Buffer): EngineRequest {
    const headEnd = bytes.indexOf("\r\n\r\n") + 4;
    const head = bytes.toString("latin1", 0, headEnd);
    const request = { head, body: unchunkedBody(head, bytes.subarray(headEnd)) };
    if (head.startsWith("GET")) this.gets.push(`${this.name} ${head.slice(0, head.indexOf("\r\n"))}`);
    else this.received.push(request);
    return request;
  }

  /** False when the connection is at its end. */
  async #answer(socket: Socket, { head }: EngineRequest): Promise<boolean> {
    if (head.startsWith("GET /metrics") && this.metrics !== null) {
      socket.write(this.fill(this.metrics));
      return true;
    }
    if (head.startsWith("GET")) return this.#play(socket, inTurn(this.#health, this.#probes++));
    if (this.holds) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#held.set(this.received.length - 1, resolve);
      await promise;
    }
    return this.#play(socket, inTurn(this.answers, this.#posts++));
  }

  async #play(socket: Socket, script: Script): Promise<boolean> {
    for (const step of script) {
      if (step.send !== undefined) socket.write(bytesOf(step.send, this.fill));
      if (step.sleep_ms !== undefined) await sleep(step.sleep_ms);
      if (step.close === true) {
        socket.end();
        return false;
      }
      if (step.rst === true) {
        socket.resetAndDestroy();
        return false;
      }
      if (step.hang !== undefined) {
        this.#hanging.add(socket);
        await sleep(step.hang * 1000, undefined, { ref: false });
        if (this.#hanging.delete(socket)) socket.destroy();
        return false;
      }
    }
    return true;
  }
}

function inTurn(scripts: Scripts, turn: number): Script {
  return scripts[Math.min(turn, scripts.length - 1)] ?? [];
}
