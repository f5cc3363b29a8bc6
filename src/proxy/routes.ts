/** Which endpoint a request is for. Exact paths only, as in the Go router; the table also feeds metrics labels. */
import { RouterError } from "../errors.ts";

export type Route =
  /** Sent to an instance. */
  | { readonly kind: "inference"; readonly path: "/v1/chat/completions" | "/v1/completions" }
  /** Answered by the worker thread itself. */
  | { readonly kind: "models" | "abort" | "health" | "ready"; readonly path: string }
  /** Answered by the main thread. */
  | { readonly kind: "control"; readonly path: string }
  /** A known path with a slash too many: the client is sent to `path`. */
  | { readonly kind: "redirect"; readonly path: string };

interface Entry {
  readonly method: "GET" | "POST";
  readonly route: Route;
}

const ROUTES: readonly Entry[] = [
  { method: "POST", route: { kind: "inference", path: "/v1/chat/completions" } },
  { method: "POST", route: { kind: "inference", path: "/v1/completions" } },
  { method: "GET", route: { kind: "models", path: "/v1/models" } },
  { method: "POST", route: { kind: "abort", path: "/v1/abort_requests" } },
  { method: "GET", route: { kind: "health", path: "/health" } },
  { method: "GET", route: { kind: "ready", path: "/ready" } },
  { method: "POST", route: { kind: "control", path: "/register" } },
  { method: "GET", route: { kind: "control", path: "/registered" } },
  { method: "GET", route: { kind: "control", path: "/registered_number" } },
  { method: "GET", route: { kind: "control", path: "/health_generate" } },
  { method: "GET", route: { kind: "control", path: "/decode_instances" } },
  { method: "GET", route: { kind: "control", path: "/metrics" } },
];

const BY_PATH: ReadonlyMap<string, Entry> = new Map(ROUTES.map((entry) => [entry.route.path, entry]));

/** Label value for requests to unknown paths: labels come from closed sets only. */
const OTHER_ENDPOINT = "other";

export function isKnownPath(path: string): boolean {
  return BY_PATH.has(path);
}

export function endpointLabel(path: string): string {
  return isKnownPath(path) ? path : OTHER_ENDPOINT;
}

/** Throws RouterError `unknown_path` or `method_not_allowed`. Escapes are decoded before paths are compared, as in the Go router. */
export function findRoute(method: string, rawPath: string): Route {
  const path = rawPath.includes("%") ? decoded(rawPath) : rawPath;
  const entry = BY_PATH.get(path);
  if (entry?.method === method) return entry.route;
  // Never served by a proxy of this kind: a tunnel, and an echo of what the client's own proxies added (faults A37, A38).
  if (method === "CONNECT" || method === "TRACE") throw new RouterError("method_not_allowed", method);
  if (path.endsWith("/") && BY_PATH.get(path.slice(0, -1))?.method === method) {
    return { kind: "redirect", path: path.slice(0, -1) };
  }
  if (entry === undefined) throw new RouterError("unknown_path");
  // The Go router knows no 405; on its own paths its answer is kept, on OpenAI's the client learns what is wanted.
  if (!path.startsWith("/v1/")) throw new RouterError("unknown_path");
  throw new RouterError("method_not_allowed", `${method} on ${path}, want ${entry.method}`);
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path; // Broken escapes name no path of ours.
  }
}

/** The method that a known path wants: the Allow field of a 405. */
export function allowedMethod(path: string): string | null {
  return BY_PATH.get(path)?.method ?? null;
}
