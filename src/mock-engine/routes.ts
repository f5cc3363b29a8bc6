/** Which path does what: the real server's endpoints, and `/mock/...` for those who run the mock. Used by mock-engine.ts. */
import type { Reply } from "./connection.ts";
import { controlAnswer } from "./control.ts";
import { UNAUTHORIZED } from "./errors.ts";
import type { MockServer } from "./mock-server.ts";
import { metricsOnApiPort } from "./options.ts";
import type { HttpRequest } from "./http-parser.ts";

const JSON_TYPE = "application/json";
const TEXT = "text/plain; charset=utf-8";
const NOT_FOUND = `{"detail":"Not Found"}`;

interface Route {
  readonly methods: readonly string[];
  readonly handle: (server: MockServer, request: HttpRequest, reply: Reply) => void;
}

const get = (handle: Route["handle"]): Route => ({ methods: ["GET"], handle });
const post = (handle: Route["handle"]): Route => ({ methods: ["POST"], handle });

const METRICS: Readonly<Record<string, Route>> = {
  "/metrics": get((server, _request, reply) => {
    if (server.faults.get("metrics-off") !== null) reply.send(404, JSON_TYPE, NOT_FOUND);
    else reply.send(200, "text/plain; version=0.0.4; charset=utf-8", server.metricsText());
  }),
  "/config-info": get((server, _request, reply) => reply.send(200, JSON_TYPE, JSON.stringify(server.publicConfig()))),
};

const MOCK: Readonly<Record<string, Route>> = {
  "/mock/state": get((server, _request, reply) => reply.send(200, JSON_TYPE, JSON.stringify(server.state()))),
  "/mock/fault": post((server, request, reply) => {
    const problem = server.switchFault(request.body.toString());
    const body = problem === null ? { faults: server.faults.list() } : { error: problem };
    reply.send(problem === null ? 200 : 400, JSON_TYPE, JSON.stringify(body));
  }),
};

const HEALTH: Route = { methods: ["GET", "POST"], handle: (server, _request, reply) => health(server, reply) };

const API: Readonly<Record<string, Route>> = {
  "/health": { ...HEALTH, methods: ["GET"] },
  "/ping": HEALTH,
  "/v1/chat/completions": post((server, request, reply) => server.infer("chat", request.body, reply)),
  "/v1/completions": post((server, request, reply) => server.infer("completions", request.body, reply)),
  "/v1/models": get((server, _request, reply) => reply.send(200, JSON_TYPE, server.modelsText())),
  "/v1/abort_requests": post(control),
  "/v1/pause": post(control),
  "/v1/resume": post(control),
  "/v1/is_paused": get(control),
  "/load": get((_server, _request, reply) => reply.send(200, JSON_TYPE, routeList())),
};

const MAIN: Readonly<Record<string, Route>> = { ...API, ...MOCK };

export function handleApi(server: MockServer, request: HttpRequest, reply: Reply): void {
  const { path } = request;
  const frozen = server.faults.get("freeze") !== null && !path.startsWith("/mock/");
  if (frozen) return;
  if (path.startsWith("/v1") && !authorized(server, request)) {
    reply.send(401, JSON_TYPE, UNAUTHORIZED.body);
    return;
  }
  dispatch(MAIN[path] ?? (metricsOnApiPort(server.options) ? METRICS[path] : undefined), server, request, reply);
}

/** The port of `--metrics-port`: also takes `/mock/...`, so that a refused API port can be opened again. */
export function handleMetrics(server: MockServer, request: HttpRequest, reply: Reply): void {
  if (server.faults.get("freeze") !== null && !request.path.startsWith("/mock/")) return;
  dispatch(METRICS[request.path] ?? MOCK[request.path], server, request, reply);
}

/** The port of `--pd-comm-port`. */
export function handleConnector(server: MockServer, request: HttpRequest, reply: Reply): void {
  if (server.faults.get("freeze") === null) server.rendezvous.handle(request.path, request.body.toString(), reply);
}

function dispatch(route: Route | undefined, server: MockServer, request: HttpRequest, reply: Reply): void {
  if (route === undefined) reply.send(404, JSON_TYPE, NOT_FOUND);
  else if (!route.methods.includes(request.method)) reply.send(405, JSON_TYPE, `{"detail":"Method Not Allowed"}`);
  else route.handle(server, request, reply);
}

function health(server: MockServer, reply: Reply): void {
  const status = server.faults.get("health")?.status ?? (server.faults.get("health") === null ? 200 : 404);
  if (status === 200) reply.send(200, "", "");
  else reply.send(status, TEXT, status === 304 ? "" : "Worker Service Not Healthy");
}

function control(server: MockServer, request: HttpRequest, reply: Reply): void {
  const { status, body } = controlAnswer(server, request.path, request.body.toString());
  reply.send(status, JSON_TYPE, body);
}

function authorized(server: MockServer, request: HttpRequest): boolean {
  const { apiKeys } = server.options;
  if (apiKeys.length === 0) return true;
  const given = request.header("authorization");
  return given !== null && apiKeys.some((key) => given === `Bearer ${key}`);
}

/** In spite of its name `/load` lists routes. */
function routeList(): string {
  const routes = Object.entries(API).map(([path, { methods }]) => ({ path, methods, tags: [] }));
  return JSON.stringify({ routes });
}
