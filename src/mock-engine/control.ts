/** Control calls of newer engines: pause, resume, is_paused and abort_requests, with their common envelope. */
import { schemaError } from "./errors.ts";
import { parseFields } from "./json.ts";

/** What control calls need of the server. */
export interface Controllable {
  paused: boolean;
  /** Aborts what runs with the paused error. */
  pauseRunning(): void;
  abortRequests(ids: readonly string[] | "all"): AbortResult;
}

export interface AbortResult {
  readonly aborted: readonly { readonly request_id: string; readonly output_token_count: number }[];
  readonly not_found: readonly string[];
}

interface ControlAnswer {
  readonly status: number;
  readonly body: string;
}

export function controlAnswer(server: Controllable, path: string, body: string): ControlAnswer {
  switch (path) {
    case "/v1/pause":
      server.paused = true;
      server.pauseRunning();
      return success(null);
    case "/v1/resume":
      server.paused = false;
      return success(null);
    case "/v1/is_paused":
      return success({ is_paused: server.paused });
    default:
      return abort(server, body);
  }
}

function abort(server: Controllable, body: string): ControlAnswer {
  const fields = parseFields(body);
  if (fields === null) return schemaError("JSON decode error", "body");
  if (fields["abort_all"] === true) return success(server.abortRequests("all"));
  const ids: unknown = fields["req_ids"];
  if (!Array.isArray(ids) || !ids.every((id) => typeof id === "string")) {
    return { status: 400, body: JSON.stringify({ error: "must provide abort_all=true or req_ids" }) };
  }
  return success(server.abortRequests(ids));
}

function success(result: unknown): ControlAnswer {
  const request_id = `control-${crypto.randomUUID()}`;
  return { status: 200, body: JSON.stringify({ request_id, status: "success", error_message: null, result }) };
}
