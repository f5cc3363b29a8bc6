/**
 * Which addresses an instance may be registered under. Anyone who can register makes the router connect there, so addresses are
 * read strictly, put into one canonical form and checked against deny and allow lists. Called by admission.ts.
 */
import { BlockList, isIPv4, isIPv6 } from "node:net";

export interface AddressRules {
  readonly denyMetadata: boolean;
  readonly allowLoopback: boolean;
  /** Null allows any. */
  readonly allowed: BlockList | null;
  /** Where this router listens itself; registering it would send its requests in a circle. */
  readonly own: { readonly addresses: ReadonlySet<string>; readonly ports: ReadonlySet<number> };
}

/** Addresses at which clouds answer with credentials, and link-local ones in general. */
const METADATA = blockList([
  "169.254.0.0/16",
  "fe80::/10",
  "fd00:ec2::254/128",
  "100.100.100.200/32",
  "168.63.129.16/32",
]);
/** Never the address of one server. */
const NEVER = blockList(["224.0.0.0/4", "255.255.255.255/32", "ff00::/8"]);
const LOOPBACK = blockList(["127.0.0.0/8", "::1/128"]);

/** Canonical text of an IP literal; IPv4 inside IPv6 comes out as IPv4. Null for anything else, brackets and zones included. */
export function canonicalAddress(text: string): string | null {
  if (isIPv4(text)) return text;
  if (!isIPv6(text) || text.includes("%")) return null;
  const canonical = new URL(`http://[${text}]`).hostname.slice(1, -1);
  const mapped = /^(?:::ffff:|64:ff9b::)([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(canonical);
  if (mapped === null) return canonical;
  const [high, low] = [parseInt(mapped[1] ?? "0", 16), parseInt(mapped[2] ?? "0", 16)];
  return [high >> 8, high & 255, low >> 8, low & 255].join(".");
}

/** Null when the address is welcome, otherwise why not. `address` is canonical. */
export function refuseAddress(address: string, port: number, rules: AddressRules): string | null {
  if (listed(NEVER, address)) return `${address} is not the address of one server`;
  if (rules.denyMetadata && listed(METADATA, address)) {
    return `${address} is a link-local or metadata address (option deny-link-local)`;
  }
  const local = isLoopback(address) || isUnspecified(address);
  if (local && !rules.allowLoopback) return `${address} is a loopback address (option allow-loopback)`;
  if (rules.own.ports.has(port) && (local || rules.own.addresses.has(address))) {
    return `${address}:${port} is this router itself`;
  }
  if (rules.allowed !== null && !listed(rules.allowed, address)) return `${address} is not within allow-cidrs`;
  return null;
}

export function isLoopback(address: string): boolean {
  return listed(LOOPBACK, address);
}

export function isUnspecified(address: string): boolean {
  return address === "0.0.0.0" || address === "::";
}

/** `ranges` as `10.0.0.0/8`, `fd00::/8` or single addresses. Throws when one is not. */
export function blockList(ranges: readonly string[]): BlockList {
  const list = new BlockList();
  for (const range of ranges) {
    const [network = "", prefix, ...rest] = range.split("/");
    const family = isIPv6(network) ? "ipv6" : "ipv4";
    const maxPrefix = family === "ipv6" ? 128 : 32;
    const prefixBits = prefix === undefined ? maxPrefix : Number(prefix);
    const valid = (isIPv4(network) || isIPv6(network)) && rest.length === 0 && /^\d+$/.test(prefix ?? "0");
    if (!valid || prefixBits > maxPrefix) throw new Error(`cannot read "${range}" as an address range like 10.0.0.0/8`);
    list.addSubnet(network, prefixBits, family);
  }
  return list;
}

function listed(list: BlockList, address: string): boolean {
  return list.check(address, isIPv6(address) ? "ipv6" : "ipv4");
}
