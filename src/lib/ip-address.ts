/**
 * IP literals and ranges of them, read strictly. `node:net` has both, but loads streams and resolvers with them: 5 ms of the start of
 * every router and every worker thread. Used by registry/addresses.ts and proxy/client-address.ts.
 */

/** 4 or 16 bytes, as they are on the wire. */
type IpBytes = readonly number[];

export interface IpRange {
  readonly first: IpBytes;
  readonly prefixBits: number;
}

const OCTET = "(25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)";
const IPV4 = new RegExp(`^${OCTET}\\.${OCTET}\\.${OCTET}\\.${OCTET}$`);
const GROUP = /^[0-9a-f]{1,4}$/i;
const IPV6_GROUPS = 8;
/** Of the IPv6 addresses that stand for IPv4 ones, `::ffff:a.b.c.d`. */
const MAPPED_PREFIX: IpBytes = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255];

export function isIpv4(text: string): boolean {
  return IPV4.test(text);
}

/** Without brackets and zone. */
export function isIpv6(text: string): boolean {
  return parseIpv6(text) !== null;
}

/** `10.0.0.0/8`, `fd00::/8` or a single address; null for anything else. */
export function parseIpRange(text: string): IpRange | null {
  const [address = "", prefix, ...rest] = text.split("/");
  const bytes = parseIp(address);
  if (bytes === null || rest.length > 0 || !/^\d{1,3}$/.test(prefix ?? "0")) return null;
  const maxBits = bytes.length * 8;
  const prefixBits = prefix === undefined ? maxBits : Number(prefix);
  if (prefixBits > maxBits) return null;
  const mappedBits = MAPPED_PREFIX.length * 8;
  const isMapped = prefixBits >= mappedBits && MAPPED_PREFIX.every((byte, i) => bytes[i] === byte);
  if (!isMapped || bytes.length === 4) return { first: bytes, prefixBits };
  return { first: bytes.slice(MAPPED_PREFIX.length), prefixBits: prefixBits - mappedBits };
}

/** False for what is no address. */
export function isWithin(ranges: readonly IpRange[], address: string): boolean {
  const bytes = parseIp(address);
  return bytes !== null && ranges.some((range) => covers(range, bytes));
}

function covers({ first, prefixBits }: IpRange, bytes: IpBytes): boolean {
  if (first.length !== bytes.length) return false;
  return bytes.every((byte, i) => {
    const bits = Math.min(8, Math.max(0, prefixBits - i * 8));
    return ((byte ^ (first[i] ?? 0)) & (0xff00 >> bits) & 0xff) === 0;
  });
}

function parseIp(text: string): IpBytes | null {
  return parseIpv4(text) ?? parseIpv6(text);
}

function parseIpv4(text: string): IpBytes | null {
  return IPV4.exec(text)?.slice(1).map(Number) ?? null;
}

/** RFC 4291, section 2.2, all three forms. */
function parseIpv6(text: string): IpBytes | null {
  const halves = text.split("::");
  const [left = "", right] = halves;
  if (halves.length > 2) return null;
  // An IPv4 address may stand at the very end only.
  const head = parseGroups(left, right === undefined);
  const tail = right === undefined ? [] : parseGroups(right, true);
  if (head === null || tail === null) return null;
  const missing = IPV6_GROUPS * 2 - head.length - tail.length;
  // `::` is at least one group.
  if (right === undefined ? missing !== 0 : missing < 2) return null;
  return [...head, ...Array.from({ length: missing }, () => 0), ...tail];
}

function parseGroups(text: string, mayEndInIpv4: boolean): number[] | null {
  if (text === "") return [];
  const bytes: number[] = [];
  const groups = text.split(":");
  for (const [index, group] of groups.entries()) {
    const ipv4 = mayEndInIpv4 && index === groups.length - 1 ? parseIpv4(group) : null;
    if (ipv4 !== null) bytes.push(...ipv4);
    else if (GROUP.test(group)) bytes.push(parseInt(group, 16) >> 8, parseInt(group, 16) & 255);
    else return null;
  }
  return bytes;
}
