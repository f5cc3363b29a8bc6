/** The thread's line to the main thread: sends messages, and pairs control requests with their replies. */
import type { MessagePort } from "node:worker_threads";
import { RouterError } from "../errors.ts";
import type { ControlReply, ControlRequest } from "../fleet/control.ts";
import type { Lines } from "../log/line-buffer.ts";
import type { FromWorker } from "./messages.ts";

/** Longer than a registration takes that is probed with the usual time limits. */
const CONTROL_TIMEOUT_MS = 30_000;

export class MainLink {
  readonly #port: MessagePort;
  readonly #waiting = new Map<number, (reply: ControlReply) => void>();
  #lastId = 0;

  constructor(port: MessagePort) {
    this.#port = port;
  }

  send(message: FromWorker): void {
    this.#port.postMessage(message);
  }

  /** The bytes are the main thread's from now on. */
  sendLines(lines: Lines): void {
    this.#port.postMessage({ kind: "lines", lines } satisfies FromWorker, [lines.buffer]);
  }

  control(request: ControlRequest): Promise<ControlReply> {
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(id);
        reject(new RouterError("control_unavailable", `no reply within ${CONTROL_TIMEOUT_MS} ms`));
      }, CONTROL_TIMEOUT_MS);
      this.#waiting.set(id, (reply) => {
        clearTimeout(timer);
        resolve(reply);
      });
      this.send({ kind: "control", id, request });
    });
  }

  replied(id: number, reply: ControlReply): void {
    this.#waiting.get(id)?.(reply);
    this.#waiting.delete(id);
  }
}
