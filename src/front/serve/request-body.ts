/** Reads a request body from Bun.serve, within a size and at a least speed. Called by serve-downstream.ts. */
import { RouterError } from "../../errors.ts";
import { Deadlines } from "../../lib/deadlines.ts";
import { LEAST_SPEED, type BodySpeed } from "../body-speed.ts";

/**
 * Up to this length Bun collects the body itself, which costs less than reading parts; above it, or without a length, parts are
 * counted as they come.
 */
const COLLECT_BYTES = 1024 * 1024;

const EMPTY = Buffer.alloc(0);
const DEADLINES = new Deadlines();

/** At once where it has come already. Rejects with RouterError `body_too_large`, `body_timeout`, `client_closed`, `invalid_body`. */
export function readRequestBody(request: Request, maxBytes: number, speed = LEAST_SPEED): Buffer | Promise<Buffer> {
  const declared = request.headers.get("content-length");
  // Equal repeated lengths come joined by a comma.
  const length = declared === null ? null : Number.parseInt(declared, 10);
  if (length !== null && length > maxBytes) return Promise.reject(tooLarge(`${length} bytes declared`, maxBytes));
  if (length !== null && length > 0 && length <= COLLECT_BYTES) return collect(request, length, speed);
  if (length === 0 || request.body === null) return Promise.resolve(EMPTY);
  return readParts(request.body, { length, maxBytes, speed }).catch((error) =>
    Promise.reject(bodyError(request, error)),
  );
}

function collect(request: Request, length: number, speed: BodySpeed): Buffer | Promise<Buffer> {
  // Not `bytes()`: a Buffer over that would make Bun copy a short body.
  const pending = request.arrayBuffer();
  const peeked = Bun.peek(pending);
  if (peeked instanceof ArrayBuffer) return Buffer.from(peeked);
  return withDeadline(pending, allowedMs(length, speed), speed).then(
    (bytes) => Buffer.from(bytes),
    (error) => Promise.reject(bodyError(request, error)),
  );
}

/** Bun reports a client that left in the middle, and broken chunked coding, by rejecting. */
function bodyError(request: Request, error: unknown): RouterError {
  if (error instanceof RouterError) return error;
  const code = request.signal.aborted ? "client_closed" : "invalid_body";
  return new RouterError(code, "the body is incomplete or its coding is broken", error);
}

interface Expected {
  /** Null for chunked coding. */
  readonly length: number | null;
  readonly maxBytes: number;
  readonly speed: BodySpeed;
}

async function readParts(body: NonNullable<Request["body"]>, { length, maxBytes, speed }: Expected): Promise<Buffer> {
  const reader = body.getReader();
  const parts: Uint8Array[] = [];
  const startedAt = performance.now();
  let bytes = 0;
  try {
    for (;;) {
      const part = await nextPart(reader, startedAt + allowedMs(bytes, speed), speed);
      if (part.done) break;
      bytes += part.value.length;
      if (bytes > maxBytes) throw tooLarge("more arrived", maxBytes);
      parts.push(part.value);
    }
  } catch (error) {
    void reader.cancel().catch(() => undefined);
    throw error;
  }
  if (length !== null && bytes !== length) throw new RouterError("invalid_body", `${bytes} bytes arrived of ${length}`);
  return Buffer.concat(parts, bytes);
}

type Part = { readonly done: true } | { readonly done: false; readonly value: Uint8Array };

/** What was fast before `dueAt` may not rest longer than the grace on the strength of that. */
function nextPart(
  reader: Pick<ReadableStreamDefaultReader<Uint8Array>, "read">,
  dueAt: number,
  speed: BodySpeed,
): Part | Promise<Part> {
  const pending = reader.read();
  const peeked = Bun.peek(pending);
  if (!(peeked instanceof Promise)) return peeked;
  return withDeadline(pending, Math.min(dueAt - performance.now(), speed.graceMs), speed);
}

/** Time within which one part more than `bytes` is wanted. */
function allowedMs(bytes: number, { graceMs, minBytesPerSec }: BodySpeed): number {
  return graceMs + (bytes / minBytesPerSec) * 1000;
}

/** Settles as `promise` does, unless it takes longer than `limitMs`. */
function withDeadline<T>(promise: Promise<T>, limitMs: number, speed: BodySpeed): Promise<T> {
  return new Promise((resolve, reject) => {
    const forget = DEADLINES.add(performance.now() + Math.max(0, limitMs), () => reject(tooSlow(speed)));
    promise.then(
      (value) => {
        forget();
        resolve(value);
      },
      (error: unknown) => {
        forget();
        reject(error);
      },
    );
  });
}

function tooSlow({ minBytesPerSec }: BodySpeed): RouterError {
  return new RouterError("body_timeout", `at least ${minBytesPerSec} bytes a second are wanted`);
}

function tooLarge(found: string, maxBytes: number): RouterError {
  return new RouterError("body_too_large", `${found}, at most ${maxBytes} are taken`);
}
