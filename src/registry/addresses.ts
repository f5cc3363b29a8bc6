/**
 * Which addresses an instance may be registered under. Anyone who can register makes the router connect there, so addresses are
 * read strictly, put into one canonical form and checked against deny and allow lists. Called by admission.ts.
 */
import { type IpRange, isIpv4, isIpv6, isWithin, parseIpRange } from "../lib/ip-address.ts";

export interface AddressRules {
  readonly denyMetadata: boolean;
  readonly allowLoopback: boolean;
  /** Null allows any. */
  readonly allowed: readonly IpRange[] | null;
  /** Where this router listens itself; registering it would send its requests in a circle. */
  readonly own: { readonly addresses: ReadonlySet<string>; readonly ports: ReadonlySet<number> };
}

/** Addresses at which clouds answer with credentials, and link-local ones in general. */
const METADATA = ipRanges([
  "169.254.0.0/16",
  "fe80::/10",
  "fd00:ec2::254/128",
  "100.100.100.200/32",
  "168.63.129.16/32",
]);
/** Never the address of one server. */
const NEVER = ipRanges(["224.0.0.0/4", "255.255.255.255/32", "ff00::/8"]);
const LOOPBACK = ipRanges(["127.0.0.0/8", "::1/128"]);

/** Canonical text of an IP literal; IPv4 inside IPv6 comes out as IPv4. Null for anything else, brackets and zones included. */
export function canonicalAddress(text: string): string | null {
  if (isIpv4(text)) return text;
  if (!isIpv6(text)) return null;
  const canonical = new URL(`http://[${text}]`).hostname.slice(1, -1);
  const mapped = /^(?:::ffff:|64:ff9b::)([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(canonical);
  if (mapped === null) return canonical;
  const [high, low] = [parseInt(mapped[1] ?? "0", 16), parseInt(mapped[2] ?? "0", 16)];
  return [high >> 8, high & 255, low >> 8, low & 255].join(".");
}

/** Null when the address is welcome, otherwise why not. `address` is canonical. */
export function refuseAddress(address: string, port: number, rules: AddressRules): string | null {
  if (isWithin(NEVER, address)) return `${address} is not the address of one server`;
  if (rules.denyMetadata && isWithin(METADATA, address)) {
    return `${address} is a link-local or metadata address (option deny-link-local)`;
  }
  const local = isLoopback(address) || isUnspecified(address);
  if (local && !rules.allowLoopback) return `${address} is a loopback address (option allow-loopback)`;
  if (rules.own.ports.has(port) && (local || rules.own.addresses.has(address))) {
    return `${address}:${port} is this router itself`;
  }
  if (rules.allowed !== null && !isWithin(rules.allowed, address)) return `${address} is not within allow-cidrs`;
  return null;
}

export function isLoopback(address: string): boolean {
  return isWithin(LOOPBACK, address);
}

export function isUnspecified(address: string): boolean {
  return address === "0.0.0.0" || address === "::";
}

/** `ranges` as `10.0.0.0/8`, `fd00::/8` or single addresses. Throws when one is not. */
export function ipRanges(ranges: readonly string[]): readonly IpRange[] {
  return ranges.map((text) => {
    const range = parseIpRange(text);
    if (range === null) throw new Error(`cannot read "${text}" as an address range like 10.0.0.0/8`);
    return range;
  });
}
