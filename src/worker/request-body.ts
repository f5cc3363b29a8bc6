/** Reads a request body from Bun.serve, within a size and at a least speed. Called by serve-downstream.ts. */
import { RouterError } from "../errors.ts";

/** A body is given this time before its speed counts. */
const GRACE_MS = 10_000;
const MIN_BYTES_PER_SEC = 1024;
/** Up to this length Bun collects the body itself; above it, or without a length, parts are counted as they come. */
const COLLECT_BYTES = 64 * 1024;

const EMPTY = new Uint8Array(0);

export async function readRequestBody(request: Request, maxBytes: number): Promise<Uint8Array> {
  const declared = request.headers.get("content-length");
  const length = declared === null ? null : Number(declared);
  if (length !== null && length > maxBytes) throw tooLarge(`${length} bytes declared`, maxBytes);
  if (request.body === null) return EMPTY;
  try {
    if (length !== null && length <= COLLECT_BYTES) {
      const collected = request.bytes();
      const ready = Bun.peek(collected);
      return ready instanceof Uint8Array
        ? ready
        : await withDeadline(collected, GRACE_MS + (length / MIN_BYTES_PER_SEC) * 1000);
    }
    return await readParts(request.body, length, maxBytes);
  } catch (error) {
    if (error instanceof RouterError) throw error;
    // Bun reports a client that left in the middle, and broken chunked coding, by rejecting.
    throw new RouterError(
      request.signal.aborted ? "client_closed" : "invalid_body",
      "the body is incomplete or its coding is broken",
      error,
    );
  }
}

async function readParts(
  body: ReadableStream<Uint8Array>,
  length: number | null,
  maxBytes: number,
): Promise<Uint8Array> {
  const reader = body.getReader();
  const parts: Uint8Array[] = [];
  const startedAt = performance.now();
  let bytes = 0;
  for (;;) {
    // The time by which the next part must be there for the speed so far to be enough.
    const dueAt = startedAt + GRACE_MS + ((bytes + MIN_BYTES_PER_SEC) / MIN_BYTES_PER_SEC) * 1000;
    const pending = reader.read();
    const peeked = Bun.peek(pending);
    const part = peeked instanceof Promise ? await withDeadline(pending, dueAt - performance.now()) : peeked;
    if (part.done) break;
    bytes += part.value.length;
    if (bytes > maxBytes) {
      void reader.cancel().catch(() => undefined);
      throw tooLarge("more arrived", maxBytes);
    }
    parts.push(part.value);
  }
  if (length !== null && bytes !== length) throw new RouterError("invalid_body", `${bytes} bytes arrived of ${length}`);
  return parts.length === 1 ? (parts[0] ?? EMPTY) : Buffer.concat(parts, bytes);
}

async function withDeadline<T>(promise: Promise<T>, limitMs: number): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(tooSlow()), Math.max(0, limitMs));
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

function tooLarge(found: string, maxBytes: number): RouterError {
  return new RouterError("body_too_large", `${found}, at most ${maxBytes} are taken`);
}

function tooSlow(): RouterError {
  return new RouterError("body_timeout", `at least ${MIN_BYTES_PER_SEC} bytes a second are wanted`);
}
