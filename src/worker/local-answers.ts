/** Answers the routes that no instance serves: liveness, readiness, the models, and what the main thread knows. */
import type { ControlReply, ControlRequest } from "../fleet/control.ts";
import type { FleetSnapshot } from "../fleet/snapshot.ts";
import { RouterError } from "../errors.ts";
import type { Downstream } from "../proxy/downstream.ts";
import type { Route } from "../proxy/routes.ts";
import type { ModelList } from "./models.ts";

export interface LocalSources {
  readonly snapshot: () => FleetSnapshot;
  readonly draining: () => boolean;
  readonly models: Pick<ModelList, "body">;
  /** Passes a call for the end of requests on to all instances. */
  readonly abort: (body: Uint8Array) => void;
  /** Asks the main thread. Rejects with RouterError `control_unavailable`. */
  readonly control: (request: ControlRequest) => Promise<ControlReply>;
}

/** A registration is small; what is larger is no registration. */
const MAX_CONTROL_BODY_BYTES = 1024 * 1024;
const JSON_TYPE = "application/json; charset=utf-8";

/** Rejects with RouterError when there is no answer to give. */
export async function answerLocally(client: Downstream, route: Route, sources: LocalSources): Promise<void> {
  const { status, contentType, body } = await answer(client, route, sources);
  if (client.gone) throw new RouterError("client_closed");
  client.head(status, contentType === "" ? [] : [["content-type", contentType]]);
  client.write(Buffer.from(body));
  client.end();
}

async function answer(client: Downstream, route: Route, sources: LocalSources): Promise<ControlReply> {
  switch (route.kind) {
    case "health":
      if (sources.draining()) throw new RouterError("draining");
      return { status: 200, contentType: "", body: "" };
    case "ready": {
      if (sources.draining()) throw new RouterError("draining");
      const usable = sources.snapshot().members.filter(({ state }) => state !== "draining").length;
      if (usable === 0) throw new RouterError("no_instance", "no healthy workers available");
      return { status: 200, contentType: JSON_TYPE, body: JSON.stringify({ code: 200, instances: usable }) };
    }
    case "models":
      return { status: 200, contentType: JSON_TYPE, body: await sources.models.body(sources.snapshot()) };
    case "abort":
      sources.abort(await client.readBody(MAX_CONTROL_BODY_BYTES));
      return { status: 200, contentType: "", body: "" };
    case "control": {
      const body = client.method === "GET" ? new Uint8Array(0) : await client.readBody(MAX_CONTROL_BODY_BYTES);
      const { method, path, query, peer } = client;
      return sources.control({ method, path, query, peer, body });
    }
    case "redirect":
    case "inference":
      throw new RouterError("internal", `${route.path} needs an instance`);
  }
}
