/** The address that an access line shows: as the Go router finds it. For the log only: anybody may send these fields. */
import { isIpv4, isIpv6 } from "../lib/ip-address.ts";
import type { Downstream } from "./downstream.ts";

export function clientAddress(client: Downstream): string {
  return leftmost(client.header("x-forwarded-for")) ?? leftmost(client.header("x-real-ip")) ?? client.peer;
}

/** Null unless every entry of the list is an address. */
function leftmost(list: string | null): string | null {
  if (list === null) return null;
  const entries = list.split(",").map((entry) => entry.trim());
  return entries.every((entry) => isIpv4(entry) || isIpv6(entry)) ? (entries[0] ?? null) : null;
}
