/** An instance as it is after a plain registration, for tests of any part that need one without a server behind. */
import { instanceId, type Instance } from "../../src/fleet/instance.ts";

/** Mixed, serves every model, of weight 1, without limits; `over` says what is different. */
export function instanceAt(host: string, port: number, over: Partial<Instance> = {}): Instance {
  return {
    id: instanceId("http", host, port),
    role: "mixed",
    scheme: "http",
    host,
    port,
    metricsPort: port,
    model: null,
    weight: 1,
    maxInFlight: null,
    connectorPort: null,
    engineWorkerQueuePort: null,
    transferProtocol: null,
    rdmaPorts: null,
    deviceIds: null,
    tpSize: 0,
    version: null,
    ...over,
  };
}
