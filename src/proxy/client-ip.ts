/** Whose request it is, for the log only: proxies in between tell it, and anyone may claim it (spec/fd-router.md §8.4, B37). */
import { isIP } from "node:net";
import type { Downstream } from "./downstream.ts";

/** The first of `X-Forwarded-For` if all of it are addresses, else `X-Real-IP`, else the peer. */
export function clientIpOf(client: Downstream): string {
  const forwarded = client.header("x-forwarded-for");
  if (forwarded !== null) {
    const addresses = forwarded.split(",").map((part) => part.trim());
    const [first] = addresses;
    if (first !== undefined && addresses.every((address) => isIP(address) !== 0)) return first;
  }
  const real = client.header("x-real-ip")?.trim();
  return real !== undefined && isIP(real) !== 0 ? real : client.peer;
}
