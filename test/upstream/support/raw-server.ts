/** A scripted server on raw TCP: it reads requests only as far as to know where they end, and answers with whatever bytes the test wants. */
import type { Socket } from "bun";
import type { Origin } from "../../../src/upstream/origin.ts";

export interface RawRequest {
  /** Head without the empty line. */
  readonly head: string;
  readonly body: string;
}

export interface RawPeer {
  /** latin1; returns once the kernel or this process has taken it. */
  write(text: string | Uint8Array): void;
  /** FIN after what was written. */
  end(): void;
  /** RST. */
  reset(): void;
  /** Since the connection was opened. */
  readonly requests: number;
}

export type RawScript = (peer: RawPeer, request: RawRequest) => void;

/** How much of what came is kept in `received`. */
const KEPT_BYTES = 1_000_000;

interface PeerState {
  parts: Buffer[];
  bytes: number;
  /** Below this the request is not complete. */
  wantedBytes: number;
  requests: number;
  peer: RawPeer;
  unsent: Buffer[];
}

export class RawServer {
  readonly requests: RawRequest[] = [];
  /** All that came (the first megabyte), over all connections. */
  received = "";
  connections = 0;
  /** Connections that are open now. */
  readonly open = new Set<RawPeer>();
  onOpen: ((peer: RawPeer) => void) | null = null;
  script: RawScript;
  readonly #listener: Bun.TCPSocketListener<PeerState>;

  constructor(script: RawScript) {
    this.script = script;
    this.#listener = Bun.listen<PeerState>({
      hostname: "127.0.0.1",
      port: 0,
      socket: {
        open: (socket) => this.#opened(socket),
        data: (socket, bytes) => this.#read(socket, bytes),
        drain: (socket) => drain(socket),
        close: (socket) => {
          this.open.delete(socket.data.peer);
        },
        error: () => undefined,
      },
    });
  }

  get port(): number {
    return this.#listener.port;
  }

  get origin(): Origin {
    return { url: `http://127.0.0.1:${this.port}`, host: "127.0.0.1", port: this.port, tls: false };
  }

  stop(): void {
    this.#listener.stop(true);
  }

  [Symbol.dispose](): void {
    this.stop();
  }

  #opened(socket: Socket<PeerState>): void {
    this.connections++;
    const state: PeerState = { parts: [], bytes: 0, wantedBytes: 0, requests: 0, unsent: [], peer: peerOf(socket) };
    socket.data = state;
    this.open.add(state.peer);
    this.onOpen?.(state.peer);
  }

  #read(socket: Socket<PeerState>, bytes: Buffer): void {
    const state = socket.data;
    if (this.received.length < KEPT_BYTES) this.received += bytes.toString("latin1");
    state.parts.push(bytes);
    state.bytes += bytes.length;
    if (state.bytes < state.wantedBytes) return;
    for (;;) {
      const request = takeRequest(state);
      if (request === null) return;
      state.requests++;
      this.requests.push(request);
      this.script(state.peer, request);
    }
  }
}

function peerOf(socket: Socket<PeerState>): RawPeer {
  return {
    write(text) {
      socket.data.unsent.push(typeof text === "string" ? Buffer.from(text, "latin1") : Buffer.from(text));
      drain(socket);
    },
    end: () => void socket.end(),
    reset: () => socket.terminate(),
    get requests() {
      return socket.data.requests;
    },
  };
}

function drain(socket: Socket<PeerState>): void {
  const { unsent } = socket.data;
  while (unsent[0] !== undefined) {
    const written = Math.max(0, socket.write(unsent[0]));
    if (written < unsent[0].length) {
      unsent[0] = unsent[0].subarray(written);
      return;
    }
    unsent.shift();
  }
}

function takeRequest(state: PeerState): RawRequest | null {
  const bytes = Buffer.concat(state.parts);
  state.parts = [bytes];
  state.wantedBytes = 0;
  const headEnd = bytes.indexOf("\r\n\r\n");
  if (headEnd < 0) return null;
  const head = bytes.toString("latin1", 0, headEnd);
  const length = Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? 0);
  const end = headEnd + 4 + length;
  if (bytes.length < end) {
    state.wantedBytes = end;
    return null;
  }
  state.parts = [bytes.subarray(end)];
  state.bytes -= end;
  return { head, body: bytes.toString("latin1", headEnd + 4, end) };
}

/** An answer with Content-Length. */
export function answerText(body: string, status = "200 OK", fields: readonly string[] = []): string {
  const head = [`HTTP/1.1 ${status}`, "Content-Type: application/json", `Content-Length: ${body.length}`, ...fields];
  return `${head.join("\r\n")}\r\n\r\n${body}`;
}

export function sseHead(): string {
  return "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n";
}

export function chunk(payload: string): string {
  return `${payload.length.toString(16)}\r\n${payload}\r\n`;
}

export const LAST_CHUNK = "0\r\n\r\n";
