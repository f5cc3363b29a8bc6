/**
 * Host names in registrations (option allow-host-names): looked up once, here, and from then on the instance is its address. So the
 * address that was checked is the one that is connected to, whatever the name means later. Called before admission.ts.
 */
import type { Draft } from "./admission.ts";
import { canonicalAddress } from "./addresses.ts";

/** Addresses of a name; rejects when it has none. */
export type ResolveName = (name: string) => Promise<readonly string[]>;

/** Labels as host names have them; the last begins with a letter, so that no spelling of an IPv4 address looks like a name. */
const NAME = /^(https?:\/\/)?((?:[a-z0-9_](?:[a-z0-9_-]{0,62})\.)*[a-z][a-z0-9-]{0,62})\.?$/i;

/** The draft with an address in place of a name. One that cannot be looked up stays, and is refused by admission. */
export async function resolveHost(draft: Draft, resolve: ResolveName): Promise<Draft> {
  const [, scheme = "", name] = NAME.exec(draft.hostIp ?? "") ?? [];
  if (name === undefined || name.length > 253) return draft;
  try {
    const address = (await resolve(name)).find((text) => canonicalAddress(text) !== null);
    return address === undefined ? draft : { ...draft, hostIp: scheme + address };
  } catch {
    return draft;
  }
}

export async function resolveByDns(name: string): Promise<readonly string[]> {
  // Loaded when the first name comes: most routers never see one.
  const { lookup } = await import("node:dns/promises");
  const found = await lookup(name, { all: true });
  return found.map(({ address }) => address);
}
