/**
 * Thread side of a worker: a Bun.serve on the common port, an HTTP client, a scheduler. It shares nothing with the other threads; fleet
 * snapshots and load digests come as messages (messages.ts), and no request waits for the main thread.
 */
import { parentPort } from "node:worker_threads";
import { MainLink } from "./main-link.ts";
import type { ToWorker } from "./messages.ts";
import { WorkerService } from "./service.ts";

if (parentPort === null) throw new Error("worker/thread.ts runs as a worker thread of fd-router only");
const link = new MainLink(parentPort);
let service: WorkerService | null = null;

// Installed before anything is awaited: a message with no handler is lost.
parentPort.on("message", (message: ToWorker) => {
  if (message.kind === "start") {
    service = WorkerService.start(message.settings, message.snapshot, link);
    getStuckForTests(message.settings.name);
  } else service?.receive(message);
});

// Without these a stray rejection would end the thread, and all its requests with it.
process.on("unhandledRejection", (error) => link.send({ kind: "crashed", message: textOf(error) }));
process.on("uncaughtException", (error) => link.send({ kind: "crashed", message: textOf(error) }));

/**
 * For tests of what watches this thread: `FD_ROUTER_TEST_STUCK_WORKER=<index>:<ms>` sends the thread into an endless loop that long after
 * its start. Read at start from the environment only: nothing that a client sends gets here.
 */
function getStuckForTests(name: string): void {
  const [index, delayMs] = process.env["FD_ROUTER_TEST_STUCK_WORKER"]?.split(":") ?? [];
  if (index === undefined || !name.startsWith(`worker-${index}.`)) return;
  setTimeout(() => {
    for (;;);
  }, Number(delayMs));
}

function textOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
