/**
 * `POST /v1/abort_requests`: passed on to every instance, since none knows which of them has the requests. The client does not wait for
 * them, as with FastDeploy's Python router. Called by service.ts for local-answers.ts.
 */
import type { FleetSnapshot } from "../fleet/snapshot.ts";
import { originOf } from "../proxy/forward.ts";
import type { UpstreamClient } from "../upstream/client.ts";
import { hostField } from "../upstream/origin.ts";

const NOTHING = (): void => undefined;
/** How an instance answers makes no difference any more. */
const DEAF = { onHead: NOTHING, onData: NOTHING, onReadEnd: NOTHING, onEnd: NOTHING, onFailure: NOTHING };

export function abortRequests(upstream: UpstreamClient, { members }: FleetSnapshot, body: Uint8Array): void {
  for (const { instance } of members) {
    const origin = originOf(instance);
    const fields = `host: ${hostField(origin)}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}`;
    upstream.send({ origin, head: `POST /v1/abort_requests HTTP/1.1\r\n${fields}\r\n\r\n`, body }, DEAF);
  }
}
