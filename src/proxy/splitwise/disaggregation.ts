/** `disaggregate_info`: how the two engines of a pair find each other. */
import type { Instance } from "../../fleet/instance.ts";

/** As JSON text, keys in the Go router's order. */
export function disaggregateInfo(prefill: Instance, decode: Instance): string {
  return JSON.stringify({
    decode_connector_port: portOf(decode.connectorPort),
    decode_device_ids: decode.deviceIds,
    decode_ip: decode.host,
    decode_rdma_ports: decode.rdmaPorts,
    decode_tp_size: tensorParallelSize(decode),
    prefill_connector_port: portOf(prefill.connectorPort),
    prefill_ip: prefill.host,
    transfer_protocol: transferProtocol(prefill, decode),
  });
}

/** `ipc` within one host between equal sizes, where both can; else `rdma`, even if neither lists it. */
function transferProtocol(prefill: Instance, decode: Instance): "ipc" | "rdma" {
  const sameHost = prefill.host === decode.host;
  const bothIpc = [prefill, decode].every(({ transferProtocol: listed }) => listed?.includes("ipc") === true);
  const sameSize = tensorParallelSize(prefill) === tensorParallelSize(decode);
  return sameHost && bothIpc && sameSize ? "ipc" : "rdma";
}

/** As registered, else as many as there are devices, else 1. */
function tensorParallelSize({ tpSize, deviceIds }: Instance): number {
  if (tpSize > 0) return tpSize;
  return deviceIds !== null && deviceIds.length > 0 ? deviceIds.length : 1;
}

/** 0 when it was not sent, or is no number. */
function portOf(registered: string | null): number {
  return registered !== null && /^[0-9]+$/.test(registered) ? Number(registered) : 0;
}
